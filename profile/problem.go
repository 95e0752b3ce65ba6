package profile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// maxProblems is how many problems of one file are reported: beyond a screenful they tell a person nothing.
const maxProblems = 50

// Problem is one thing that is wrong in a file. The error of Parse and Load is all problems of the file joined, in
// the order of their lines; errors.As finds the first.
type Problem struct {
	File string
	Line int    // 0 where the file as a whole is meant
	What string // what is wrong, and what was expected
}

// Error is "gear.yaml:12: bind rule 1: port range 90-80 is reversed: want 80-90".
func (p *Problem) Error() string {
	if p.Line == 0 {
		return p.File + ": " + p.What
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.What)
}

func problemf(file string, line int, format string, args ...any) *Problem {
	return &Problem{file, line, fmt.Sprintf(format, args...)}
}

// join is nil for no problems.
func join(problems []*Problem) error {
	slices.SortStableFunc(problems, func(a, b *Problem) int { return cmp.Compare(a.Line, b.Line) })
	var errs []error
	for i, p := range problems {
		if i == maxProblems {
			errs = append(errs, problemf(p.File, 0, "%d more problems", len(problems)-i))
			break
		}
		errs = append(errs, p)
	}
	return errors.Join(errs...)
}
