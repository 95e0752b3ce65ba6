// Makes a TCP socket by a system call of another ABI of amd64, and ends with status 200, or the errno. Built without the C library.

#ifdef I386_SOCKETCALL // socketcall(SYS_SOCKET, args), whose arguments lie in memory below 4 GB
static unsigned args[3] = {2, 1, 0};
#endif

static long call(void) {
	long r;
#if defined(I386_SOCKETCALL)
	unsigned low;
	__asm__ volatile("movl $args, %0" : "=r"(low));
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(102L), "b"(1L), "c"((long)low) : "memory");
	r = (int)r;
#elif defined(I386_SOCKET)
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(359L), "b"(2L), "c"(1L), "d"(0L) : "memory");
	r = (int)r;
#else // X32: the amd64 number with __X32_SYSCALL_BIT
	__asm__ volatile("syscall" : "=a"(r) : "a"(0x40000000L + 41), "D"(2L), "S"(1L), "d"(0L) : "rcx", "r11", "memory");
#endif
	return r;
}

void _start(void) {
	long r = call();
	long status = r < 0 ? -r : 200;
	__asm__ volatile("syscall" : : "a"(231L), "D"(status) : "rcx", "r11");
	__builtin_unreachable();
}
