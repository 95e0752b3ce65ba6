//go:build !linux

package shell

import "io"

// Columns is how wide a terminal is; 0, for not known, since only Linux is asked.
func Columns(io.Writer) int { return 0 }
