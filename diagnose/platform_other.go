//go:build !linux

package diagnose

func readPlatformOf(int, map[string]string) Platform { return Platform{} }
