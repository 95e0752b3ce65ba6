package shell

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// fewestColumns is the narrowest terminal that text is wrapped for.
const fewestColumns = 40

// Columns is the width of the terminal that w is; 0 where it is none, or does not tell.
func Columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col < fewestColumns {
		return 0
	}
	return int(size.Col)
}
