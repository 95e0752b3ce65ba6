package sheet

import "github.com/sallyport/sallyport/profile"

// NotDecidable begins the reason of a rule that denies what its objects do not tell.
const NotDecidable = "not decidable from the objects, taken as denied"

// Around is what is known of a place beside its profile, from the objects of its cluster. The zero value is nothing.
type Around struct {
	Title  string // "Pod shop/web": what the page calls the place; "" for the profile's name
	Inside []Place
	Names  *Statement // do names resolve
	Proxy  *Statement
	SeenAs *Statement // by which address the outside sees it
	Notes  []string   // what is not decidable, and what is not in the profile
}

// Statement is an answer with the rules or objects that it comes from.
type Statement struct {
	Verdict Verdict
	Text    string
	From    []string
}

// Place is a destination of a cluster that is known by a name rather than an address.
type Place struct {
	Name  string // "db.shop", "pods app=db"
	Ports string // "5432/tcp"
	Statement
}

// Inside is a destination of the cluster on the page.
type Inside struct {
	Name    string  `json:"name"`
	Ports   string  `json:"ports"` // "5432/tcp"; "" for all
	Verdict Verdict `json:"verdict"`
	Text    string  `json:"text"`
	From    []int   `json:"from"`
}

// OfPlace makes the sheet of a profile in a place of which more is known.
func OfPlace(p *profile.Profile, around Around) *Sheet {
	m := newMaker(p)
	m.around = around
	if around.Title != "" {
		m.s.Name = around.Title
	}
	m.make()
	for _, x := range around.Inside {
		m.s.Inside = append(m.s.Inside, Inside{x.Name, x.Ports, x.Verdict, x.Text, m.from(x.From...)})
	}
	m.s.Notes = append(m.s.Notes, around.Notes...)
	return m.s
}
