//go:build !linux

package cli

import "io"

// columns is how wide a terminal is; 0, for not known, since only Linux is asked.
func columns(io.Writer) int { return 0 }
