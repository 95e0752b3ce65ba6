//go:build !amd64 && !arm64

package unotify

// No filter is built for other architectures: Assemble says so.
const (
	nativeArch uint32 = 0
	compatArch uint32 = 0
	hasX32            = false
)
