package kube

// Severity is how much a problem takes away.
type Severity uint8

const (
	// Warning is something that is not read, or reads as it probably was not meant; verdicts hold.
	Warning Severity = iota
	// Error is something that cannot be understood: no verdict holds that would depend on it.
	Error
)

func (s Severity) String() string {
	if s == Error {
		return "error"
	}
	return "warning"
}

// Problem is one thing that is wrong, or not read, in what was given to [Read]. It is an error.
type Problem struct {
	Pos
	Severity Severity
	Object   string // "NetworkPolicy shop/web" where the problem is in one
	What     string // what is wrong, and what was expected
}

// Error is "web.yaml:12: NetworkPolicy shop/web: ingress rule 1: port 70000 is out of range: want 1 to 65535".
func (p Problem) Error() string {
	s := p.Pos.String() + ": "
	if p.Object != "" {
		s += p.Object + ": "
	}
	return s + p.What
}
