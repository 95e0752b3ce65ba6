// Package selector is the language in which Calico's policies select pods, namespaces and network sets by their labels:
//
//	app == 'web' && tier in {'front', 'edge'} && !has(debug)
//
// What it promises: it takes what Calico's own parser takes and refuses what that refuses (libcalico-go/lib/selector of Calico
// v3.32, its tokenizer's corners among them), equal expressions have equal texts, and labels that are not known make the answer Maybe
// rather than wrong.
//
// What it leaves to others: which labels something has.
package selector

import (
	"slices"
	"strings"
)

// Truth is an answer. The values are ordered, so that "and" is the least and "or" the greatest of them.
type Truth uint8

const (
	False Truth = iota
	Maybe
	True
)

// State is what is known of a label.
type State uint8

const (
	Absent State = iota
	Present
	Unknown // whether it is there, and with which value, is not known
)

// Lookup tells of a label.
type Lookup func(key string) (value string, state State)

// Op is what an expression does.
type Op uint8

const (
	All    Op = iota // all(), and the empty expression
	Global           // global(): of namespaces, none
	Has
	Equal
	NotEqual // also where the label is not there
	In
	NotIn // also where the label is not there
	Contains
	StartsWith
	EndsWith
	Not
	And
	Or
)

// Expr is an expression. It must not be changed.
type Expr struct {
	Op     Op
	Key    string
	Values []string // one, but for In and NotIn: sorted there, without duplicates
	Of     []*Expr  // one for Not, two or more for And and Or
}

// AllOf is the expression that all of some meet: nil ones are left out.
func AllOf(parts ...*Expr) *Expr {
	parts = slices.DeleteFunc(slices.Clone(parts), func(x *Expr) bool { return x == nil })
	switch len(parts) {
	case 0:
		return &Expr{Op: All}
	case 1:
		return parts[0]
	}
	return &Expr{Op: And, Of: parts}
}

// IsLabel is the expression that a label has one of some values.
func IsLabel(key string, values ...string) *Expr {
	if len(values) == 1 {
		return &Expr{Op: Equal, Key: key, Values: values}
	}
	return &Expr{Op: In, Key: key, Values: tidy(values)}
}

// HasLabel is the expression that a label is there.
func HasLabel(key string) *Expr { return &Expr{Op: Has, Key: key} }

// Negate is the expression that an expression is not met.
func Negate(x *Expr) *Expr { return &Expr{Op: Not, Of: []*Expr{x}} }

func tidy(values []string) []string {
	values = slices.Clone(values)
	slices.Sort(values)
	return slices.Compact(values)
}

// Eval reports whether labels meet the expression. Maybe is the answer where it depends on one that is not known.
func (x *Expr) Eval(labels Lookup) Truth {
	switch x.Op {
	case All, Global:
		return True
	case Not:
		return True - x.Of[0].Eval(labels)
	case And:
		least := True
		for _, y := range x.Of {
			if least = min(least, y.Eval(labels)); least == False {
				break
			}
		}
		return least
	case Or:
		most := False
		for _, y := range x.Of {
			if most = max(most, y.Eval(labels)); most == True {
				break
			}
		}
		return most
	}
	value, state := labels(x.Key)
	if state == Unknown {
		return Maybe
	}
	if x.meets(value, state == Present) {
		return True
	}
	return False
}

// meets is the answer of an expression about one label.
func (x *Expr) meets(value string, there bool) bool {
	switch x.Op {
	case Has:
		return there
	case Equal:
		return there && value == x.Values[0]
	case NotEqual:
		return !there || value != x.Values[0]
	case In:
		_, found := slices.BinarySearch(x.Values, value)
		return there && found
	case NotIn:
		_, found := slices.BinarySearch(x.Values, value)
		return !there || !found
	case Contains:
		return there && strings.Contains(value, x.Values[0])
	case StartsWith:
		return there && strings.HasPrefix(value, x.Values[0])
	case EndsWith:
		return there && strings.HasSuffix(value, x.Values[0])
	}
	return false
}

// Rewrite is the expression with a prefix before the keys of its labels, and with others in the place of all() and global(). These stay
// where they are nil.
func (x *Expr) Rewrite(prefix string, all, global *Expr) *Expr {
	switch {
	case x.Op == All && all != nil:
		return all
	case x.Op == Global && global != nil:
		return global
	case x.Op == All, x.Op == Global:
		return x
	}
	y := &Expr{Op: x.Op, Values: x.Values}
	if x.Key != "" {
		y.Key = prefix + x.Key
	}
	for _, z := range x.Of {
		y.Of = append(y.Of, z.Rewrite(prefix, all, global))
	}
	return y
}

// Uses reports whether an operation is part of the expression.
func (x *Expr) Uses(op Op) bool {
	return x.Op == op || slices.ContainsFunc(x.Of, func(y *Expr) bool { return y.Uses(op) })
}

// Needs is a label that something must have, with one of some values, to meet the expression.
type Needs struct {
	Key    string
	Values []string
}

// Needs are labels that whatever meets the expression has: not all that it needs.
func (x *Expr) Needs() []Needs {
	switch x.Op {
	case Equal, In:
		return []Needs{{x.Key, x.Values}}
	case And:
		var list []Needs
		for _, y := range x.Of {
			list = append(list, y.Needs()...)
		}
		return list
	}
	return nil
}

// String is the expression as it can be parsed again. Equal texts are equal expressions.
func (x *Expr) String() string {
	var b strings.Builder
	x.write(&b)
	return b.String()
}

var signs = [...]string{
	Equal: " == ", NotEqual: " != ", In: " in ", NotIn: " not in ", Contains: " contains ", StartsWith: " starts with ",
	EndsWith: " ends with ", And: " && ", Or: " || ",
}

func (x *Expr) write(b *strings.Builder) {
	switch x.Op {
	case All:
		b.WriteString("all()")
	case Global:
		b.WriteString("global()")
	case Has:
		b.WriteString("has(" + x.Key + ")")
	case Not:
		b.WriteByte('!')
		x.Of[0].write(b)
	case And, Or:
		b.WriteByte('(')
		for i, y := range x.Of {
			if i > 0 {
				b.WriteString(signs[x.Op])
			}
			y.write(b)
		}
		b.WriteByte(')')
	case In, NotIn:
		b.WriteString(x.Key + signs[x.Op] + "{")
		for i, v := range x.Values {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(quote(v))
		}
		b.WriteByte('}')
	default:
		b.WriteString(x.Key + signs[x.Op] + quote(x.Values[0]))
	}
}

// quote puts a text into quotes. The language has no escapes, so that no text has both kinds.
func quote(s string) string {
	if strings.Contains(s, "'") {
		return `"` + s + `"`
	}
	return "'" + s + "'"
}
