package unotify

// AUDIT_ARCH_* of linux/audit.h.
const (
	nativeArch uint32 = 0xc000003e // x86-64
	compatArch uint32 = 0x40000003 // i386
	hasX32            = true
)
