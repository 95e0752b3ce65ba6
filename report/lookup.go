package report

import "github.com/sallyport/sallyport/attempt"

// lookupJSON is a DNS question in docs/run.schema.json.
type lookupJSON struct {
	PID      int      `json:"pid"`
	FD       int      `json:"fd"`
	Cookie   uint64   `json:"cookie"`
	Protocol string   `json:"protocol"`
	Server   string   `json:"server"`
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Outcome  string   `json:"outcome"`
	Answers  []string `json:"answers"`
	Chain    []string `json:"chain"`
	Count    int      `json:"count"`
	Asked    string   `json:"asked"`
	Answered string   `json:"answered"`
}

// lookupNames are stable; attempt.Answer's text is for people.
var lookupNames = map[attempt.Answer]string{
	attempt.LookupSilent: "silent", attempt.LookupPortClosed: "port-closed", attempt.LookupFailed: "server-failure",
	attempt.LookupRefused: "refused", attempt.LookupNoData: "no-data", attempt.LookupNoName: "no-such-name",
	attempt.LookupAnswered: "answered", attempt.LookupTruncated: "truncated",
}

func lookupOf(l *attempt.Lookup) lookupJSON {
	out := lookupJSON{
		FD: l.FD, Cookie: l.Cookie, Protocol: l.Protocol.String(), Server: l.Server.String(), Name: l.Name, Type: l.Type,
		Outcome: lookupNames[l.Outcome], Answers: []string{}, Chain: list(l.Chain), Count: max(l.Count, 1), Asked: timeText(l.Asked),
	}
	if l.Process != nil {
		out.PID = l.Process.PID
	}
	for _, a := range l.Answers {
		out.Answers = append(out.Answers, a.String())
	}
	if !l.Answered.IsZero() {
		out.Answered = timeText(l.Answered)
	}
	return out
}

// lookups writes every question, for --verbose.
func (r *Run) lookups(p *printer) {
	if len(r.Lookups) == 0 {
		return
	}
	p.head("", "DNS questions")
	for i := range r.Lookups {
		p.item(r.Lookups[i].String(), "")
	}
	if r.LookupsDropped > 0 {
		p.item("more were seen and not kept", "")
	}
}
