package kube

import "strconv"

// Pos is where something stands in what was read.
type Pos struct {
	File string // as it was named to [Read], or found below a directory
	Line int    // from 1; 0 where the file as a whole is meant
}

// String is "egress.yaml:12".
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}
