#include "textflag.h"

// A signal handler, called as C does: R0 is the signal, R1 the siginfo_t, R2 the context. It notes who sent the signal
// (sigaction(2): si_code at 8, si_pid at 16), and goes on to the runtime's handler.
TEXT noting<>(SB),NOSPLIT|NOFRAME,$0-0
	MOVWU R0, R11
	MOVWU 8(R1), R9
	CMPW  $0x80, R9 // SI_KERNEL
	BEQ   kernel
	MOVWU 16(R1), R9
	ORR   $(1<<32), R9
	MOVD  $·senders(SB), R10
	ADD   R11<<3, R10, R10
	STLR  R9, (R10)
	B     on
kernel:
	MOVD  $1, R9
	MOVD  $·fromKernel(SB), R10
	ADD   R11<<2, R10, R10
	STLRW R9, (R10)
on:
	MOVD ·runtimeHandler(SB), R9
	JMP  (R9)

// func notingHandler() uintptr
TEXT ·notingHandler(SB),NOSPLIT,$0-8
	MOVD $noting<>(SB), R0
	MOVD R0, ret+0(FP)
	RET
