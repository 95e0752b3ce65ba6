// Package cli holds sallyport's commands, one file each: flags in, calls, rendering out.
package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/sallyport/sallyport/internal/cli/shell"
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
		{"probe", "[FLAGS] [TARGET...]", "measure what a client socket may do here", runProbe},
		{"reflect", "[FLAGS]", "the far end of a probe: says what it saw, to those who have its token", runReflect},
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
		return shell.Usage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		usage(stdout)
		return shell.OK
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(args[1:], stdin, stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "sallyport: unknown command %q: want %s\n", args[0], names())
	return shell.Usage
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
