package unotify

// AUDIT_ARCH_* of linux/audit.h.
const (
	nativeArch uint32 = 0xc00000b7 // aarch64
	compatArch uint32 = 0x40000028 // arm
	hasX32            = false
)
