package supervise

// foreignCalls are the i386 calls that make or use sockets: socketcall, socket, bind, connect, sendto, sendmsg,
// sendmmsg (arch/x86/entry/syscalls/syscall_32.tbl).
var foreignCalls = []int{102, 359, 361, 362, 369, 370, 345}
