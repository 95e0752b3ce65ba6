// Package shell is what every command has: flags, exit statuses, errors, and the terminal.
package shell

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// Exit statuses. Those of a program that run runs are its own; 125 to 127 are ours, as with env(1) and timeout(1).
const (
	OK          = 0
	Found       = 1 // something was found
	Usage       = 2
	Failed      = 125 // sallyport itself failed
	NotExecuted = 126
	NotFound    = 127
)

// NewFlags is a flag set whose errors are ours to print, and whose help tells what the command is for.
func NewFlags(name, args, about string, stderr io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet("sallyport "+name, flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprintf(fs.Output(), "usage: sallyport %s %s\n\n%s\n\n", name, args, about)
		fs.PrintDefaults()
	}
	return fs
}

// Parse parses flags; done is true where there is nothing left to do but to exit with status.
func Parse(fs *flag.FlagSet, args []string, stdout io.Writer) (status int, done bool) {
	stderr := fs.Output()
	fs.SetOutput(io.Discard) // the package prints the whole usage at each mistake
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(stdout)
		fs.Usage()
		return OK, true
	case err != nil:
		Problem(stderr, "%v: %s -h lists the flags", err, fs.Name())
		return Usage, true
	}
	return 0, false
}

// Problem prints an error the way all of them are printed.
func Problem(stderr io.Writer, format string, args ...any) {
	fmt.Fprintf(stderr, "sallyport: "+format+"\n", args...)
}

// Colour reports whether w is a terminal that wants colours: https://no-color.org.
func Colour(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	return IsTerminal(f)
}

// IsTerminal reports whether a file is a character device, which a pipe or a plain file is not.
func IsTerminal(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// Choice is a flag value that must be one of a few words.
func Choice(name, value string, words ...string) error {
	for _, w := range words {
		if value == w {
			return nil
		}
	}
	return fmt.Errorf("--%s %q: want %s", name, value, strings.Join(words, " or "))
}
