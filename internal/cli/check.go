package cli

import (
	"errors"
	"io"

	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/report"
)

const checkAbout = `Would the attempt be allowed, and which rules decide? DEST is an address or a prefix, with a port and a protocol where only
those are asked about: 192.0.2.1:443, [2001:db8::1]:53/udp, 10.0.0.0/8:25/tcp, ::1. With a port the protocol is tcp unless given.
PROFILE is a built-in profile, a file, or -. It exits with 0 where all of it is allowed (or is as --expect says), and with 1
where not.`

func check(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fs := newFlags("check", "--to DEST [FLAGS] PROFILE", checkAbout, stderr)
	to := fs.String("to", "", "the `DEST` of the attempt: ADDRESS or PREFIX, then :PORT, then /PROTOCOL")
	source := fs.String("source", "none", "what the program asks to send from: none (no bind), any, or an `address`")
	expect := fs.String("expect", "", "what should come out, allow or deny: exit with 1 where it does not")
	output := fs.String("output", "text", "how to write it: text or json")
	if status, done := parse(fs, args, stdout); done {
		return status
	}
	q, err := question(*to, *source)
	err = errors.Join(err, choice("output", *output, "text", "json"))
	if *expect != "" {
		err = errors.Join(err, choice("expect", *expect, "allow", "deny"))
	}
	if err == nil && fs.NArg() != 1 {
		err = errors.New("want one profile: a built-in profile, a file, or -")
	}
	if err != nil {
		problem(stderr, "check: %v", err)
		return exitUsage
	}
	ps, err := profiles(fs.Args(), stdin)
	if err != nil {
		problem(stderr, "%v", err)
		return exitUsage
	}
	answer := ps[0].Answer(q)
	render := report.Check
	if *output == "json" {
		render = report.CheckJSON
	}
	if err := render(stdout, answer); err != nil {
		problem(stderr, "check: write the answer: %v", err)
		return exitFailed
	}
	want := profile.Allowed
	if *expect == "deny" {
		want = profile.Denied
	}
	if answer.Result != want {
		return exitFound
	}
	return exitOK
}
