//go:build !linux

package diagnose

import "github.com/sallyport/sallyport/attempt"

func readPorts(int, attempt.Result) portUse { return portUse{} }
