//go:build !amd64 && !arm64

package unotify

func handlerAddress() uintptr { return 0 }
