// Package sheet makes the one-page client-socket policy out of a profile: what a developer needs to know who deploys a program there.
// It answers in the order in which people ask: may I connect out, to what, from which source, and what a denied attempt looks like from inside.
//
// What it promises: each statement is made by exact set operations on the whole profile, never by samples, and names the rules that it comes
// from. What a profile does not tell (a resolver, a proxy) is said not to be known. It leaves the layout to package report.
package sheet

import "github.com/sallyport/sallyport/attempt"

// Sheet is the page. Its JSON form is docs/sheet.schema.json.
type Sheet struct {
	Name        string    `json:"name"`        // of the profile
	Description string    `json:"description"` // one line; "" where the profile has none
	File        string    `json:"file"`        // where the profile was read from; "" for one that was made by hand
	Answers     []Answer  `json:"answers"`     // in the order of the page
	Inside      []Inside  `json:"inside"`      // what a cluster knows by a name; empty outside of one
	Services    []Service `json:"services"`    // what people ask for by name
	Sources     []Source  `json:"sources"`     // what becomes of each way to bind, or not to
	Denials     []Denial  `json:"denials"`     // the ways in which this profile denies, and only these
	Clients     []Client  `json:"clients"`     // a right client in a few lines
	Notes       []string  `json:"notes"`       // what is not decidable, and what the page leaves out
	Rules       []string  `json:"rules"`       // what the numbers in From point at, from 1 on
}

// Verdict is the answer to a question with yes or no. The zero value is Unknown.
type Verdict string

// The verdicts.
const (
	Unknown Verdict = "not known"
	Yes     Verdict = "yes"
	No      Verdict = "no"
	Partly  Verdict = "partly"
)

// Answer is the answer to one question.
type Answer struct {
	Question string  `json:"question"`
	Verdict  Verdict `json:"verdict"`
	Text     string  `json:"text"`
	From     []int   `json:"from"` // the rules it comes from
}

// Service is a service that people know by its name, and whether a socket that is not bound reaches it.
type Service struct {
	Name     string           `json:"name"`
	Protocol attempt.Protocol `json:"-"`
	Port     uint16           `json:"port"`
	Proto    string           `json:"protocol"`
	Verdict  Verdict          `json:"verdict"`
	Text     string           `json:"text"` // "to anywhere", "to 10.20.0.25 alone", "dropped"
	From     []int            `json:"from"`
}

// Source is one way to choose the source, and what becomes of a TCP client that does.
type Source struct {
	Asked   string  `json:"asked"` // "no bind", "any address (0.0.0.0 or ::)"
	Code    string  `json:"code"`  // `bind(("", 0))`; "" for no bind
	Verdict Verdict `json:"verdict"`
	Text    string  `json:"text"` // "bind fails with EACCES (permission denied)"
	From    []int   `json:"from"`
}

// Denial is a way to be denied, as a program meets it.
type Denial struct {
	What string `json:"what"` // "dropped", "refused"
	Text string `json:"text"` // what the program sees, and after how long
	From []int  `json:"from"`
}

// Client is a right client in one language.
type Client struct {
	Language string `json:"language"`
	Code     string `json:"code"`  // a few lines
	Avoid    string `json:"avoid"` // the setting that would bind: "source_address="
}
