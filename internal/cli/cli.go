// Package cli holds sallyport's commands, one file each: flags in, calls, rendering out.
package cli

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
	exitOK          = 0
	exitFound       = 1 // something was found
	exitUsage       = 2
	exitFailed      = 125 // sallyport itself failed
	exitNotExecuted = 126
	exitNotFound    = 127
)

type command struct {
	name    string
	args    string
	summary string
	run     func(args []string, stdin io.Reader, stdout, stderr io.Writer) int
}

// commands is in the order of help.
func commands() []command {
	return []command{
		{"run", "[FLAGS] -- CMD ARG...", "run a program, unchanged; explain each connection that fails", run},
		{"check", "--to DEST PROFILE|FILE", "would it be allowed, by a profile or a cluster's objects, and which rules decide", check},
		{"sheet", "[FLAGS] PROFILE", "the one-page client-socket policy of a profile, for people", runSheet},
		{"diff", "A B", "what one profile, or cluster's objects, allows and the other does not, exactly", diff},
		{"convert", "--to TARGET PROFILE", "a profile as NetworkPolicy, EgressFirewall, Cilium or Calico policy; what that cannot say", convertProfile},
		{"explain", "[CAUSE]", "the long explanation of a cause, with its remedies; without one, the list", explain},
		{"doctor", "[FLAGS]", "what this machine lets sallyport do, and what to change", doctor},
		{"demo", "[FLAGS]", "the case sallyport started from, live, without network or root", runDemo},
	}
}

// Main runs the command that args name, and returns the exit status.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		usage(stdout)
		return exitOK
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(args[1:], stdin, stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "sallyport: unknown command %q: want %s\n", args[0], names())
	return exitUsage
}

func names() string {
	var out []string
	for _, c := range commands() {
		out = append(out, c.name)
	}
	return strings.Join(out[:len(out)-1], ", ") + " or " + out[len(out)-1]
}

func usage(w io.Writer) {
	fmt.Fprint(w, "sallyport tells what a program's client sockets may do here, and why a connection failed.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  sallyport %-29s %s\n", c.name+" "+c.args, c.summary)
	}
	fmt.Fprint(w, "\nsallyport COMMAND -h tells a command's flags.\n")
}

// newFlags is a flag set whose errors are ours to print, and whose help tells what the command is for.
func newFlags(name, args, about string, stderr io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet("sallyport "+name, flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprintf(fs.Output(), "usage: sallyport %s %s\n\n%s\n\n", name, args, about)
		fs.PrintDefaults()
	}
	return fs
}

// parse parses flags; done is true where there is nothing left to do but to exit with status.
func parse(fs *flag.FlagSet, args []string, stdout io.Writer) (status int, done bool) {
	stderr := fs.Output()
	fs.SetOutput(io.Discard) // the package prints the whole usage at each mistake
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(stdout)
		fs.Usage()
		return exitOK, true
	case err != nil:
		problem(stderr, "%v: %s -h lists the flags", err, fs.Name())
		return exitUsage, true
	}
	return 0, false
}

// problem prints an error the way all of them are printed.
func problem(stderr io.Writer, format string, args ...any) {
	fmt.Fprintf(stderr, "sallyport: "+format+"\n", args...)
}

// colour reports whether w is a terminal that wants colours: https://no-color.org.
func colour(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	return isTerminal(f)
}

// isTerminal reports whether a file is a character device, which a pipe or a plain file is not.
func isTerminal(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// choice is a flag value that must be one of a few words.
func choice(name, value string, words ...string) error {
	for _, w := range words {
		if value == w {
			return nil
		}
	}
	return fmt.Errorf("--%s %q: want %s", name, value, strings.Join(words, " or "))
}
