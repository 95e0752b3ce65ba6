#include "textflag.h"

// A signal handler that does nothing. It returns to the vdso, which calls rt_sigreturn(2).
TEXT nothing<>(SB),NOSPLIT|NOFRAME,$0-0
	RET

// func handlerAddress() uintptr
TEXT ·handlerAddress(SB),NOSPLIT,$0-8
	MOVD $nothing<>(SB), R0
	MOVD R0, ret+0(FP)
	RET
