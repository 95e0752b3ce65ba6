package cli

import (
	"errors"
	"io"

	"github.com/sallyport/sallyport/profile"
)

// profiles reads what arguments name: built-in profiles, files, or "-". It is where other forms of policy become profiles.
func profiles(args []string, stdin io.Reader) ([]*profile.Profile, error) {
	fromStdin := 0
	for _, arg := range args {
		if arg == "-" {
			fromStdin++
		}
	}
	if fromStdin > 1 {
		return nil, errors.New("standard input (-) is given twice, and can be read once: want a file for one of them")
	}
	var out []*profile.Profile
	for _, arg := range args {
		p, err := profile.Load(arg, stdin)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}
