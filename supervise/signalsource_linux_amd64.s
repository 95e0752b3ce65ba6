#include "textflag.h"

// A signal handler, called as C does: DI is the signal, SI the siginfo_t, DX the context. It notes who sent the signal
// (sigaction(2): si_code at 8, si_pid at 16), and goes on to the runtime's handler.
TEXT noting<>(SB),NOSPLIT|NOFRAME,$0-0
	MOVL DI, R8
	CMPL 8(SI), $0x80 // SI_KERNEL
	JEQ  kernel
	MOVL 16(SI), AX
	BTSQ $32, AX
	LEAQ ·senders(SB), CX
	XCHGQ AX, (CX)(R8*8)
	JMP  on
kernel:
	MOVL $1, AX
	LEAQ ·fromKernel(SB), CX
	XCHGL AX, (CX)(R8*4)
on:
	MOVQ ·runtimeHandler(SB), AX
	JMP  AX

// func notingHandler() uintptr
TEXT ·notingHandler(SB),NOSPLIT,$0-8
	LEAQ noting<>(SB), AX
	MOVQ AX, ret+0(FP)
	RET
