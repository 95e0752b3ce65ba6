//go:build linux && (amd64 || arm64)

package supervise

// notingHandler is the address of a signal handler that notes in senders who sent the signal, and goes on to runtimeHandler.
func notingHandler() uintptr
