package kube

import (
	"slices"
	"strings"
)

// Operator is how a requirement compares.
type Operator uint8

const (
	In Operator = iota
	NotIn
	Exists
	DoesNotExist
)

func (o Operator) String() string {
	return [...]string{"In", "NotIn", "Exists", "DoesNotExist"}[o]
}

// Requirement is one condition on a label.
type Requirement struct {
	Pos
	Key    string
	Op     Operator
	Values []string // sorted, without duplicates; none for Exists and DoesNotExist
}

// Matches reports whether labels meet the requirement. As in the API, NotIn is met by labels that lack the key.
func (r *Requirement) Matches(labels Labels) bool {
	v, there := labels[r.Key]
	switch r.Op {
	case In:
		return there && slices.Contains(r.Values, v)
	case NotIn:
		return !there || !slices.Contains(r.Values, v)
	case Exists:
		return there
	default:
		return !there
	}
}

// LabelSelector is metav1.LabelSelector: matchLabels are requirements of kind In with one value. One without requirements
// selects everything; where the API distinguishes an absent selector, it is a pointer.
type LabelSelector struct {
	Pos
	Requirements []Requirement // sorted by key, operator and values, without duplicates: all have to be met
}

// Matches reports whether labels meet all requirements.
func (s *LabelSelector) Matches(labels Labels) bool {
	for i := range s.Requirements {
		if !s.Requirements[i].Matches(labels) {
			return false
		}
	}
	return true
}

// MatchesName is what a selector says of a namespace whose labels are not known, but for [NamespaceNameLabel]: known is false
// where the answer depends on another label, whose name is then key.
func (s *LabelSelector) MatchesName(namespace string) (matches bool, key string, known bool) {
	labels := Labels{NamespaceNameLabel: namespace}
	for i := range s.Requirements {
		r := &s.Requirements[i]
		switch {
		case r.Key != NamespaceNameLabel && key == "":
			key = r.Key
		case r.Key == NamespaceNameLabel && !r.Matches(labels):
			return false, "", true // whatever the others say
		}
	}
	return key == "", key, key == ""
}

// Everything reports whether the selector has no requirement.
func (s *LabelSelector) Everything() bool { return len(s.Requirements) == 0 }

// String is the selector as kubectl takes it: "app=web,tier in (a,b),!debug", and "everything" for the empty one. Equal
// strings are equal selectors.
func (s *LabelSelector) String() string {
	if s.Everything() {
		return "everything"
	}
	var b strings.Builder
	for i := range s.Requirements {
		if i > 0 {
			b.WriteByte(',')
		}
		s.Requirements[i].write(&b)
	}
	return b.String()
}

func (r *Requirement) write(b *strings.Builder) {
	switch r.Op {
	case Exists:
		b.WriteString(r.Key)
	case DoesNotExist:
		b.WriteString("!" + r.Key)
	case In:
		if len(r.Values) == 1 {
			b.WriteString(r.Key + "=" + r.Values[0])
			return
		}
		b.WriteString(r.Key + " in (" + strings.Join(r.Values, ",") + ")")
	case NotIn:
		if len(r.Values) == 1 {
			b.WriteString(r.Key + "!=" + r.Values[0])
			return
		}
		b.WriteString(r.Key + " notin (" + strings.Join(r.Values, ",") + ")")
	}
}
