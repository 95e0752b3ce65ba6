package report

import (
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/probe"
)

// The shapes of beyond and rejected in docs/probe.schema.json.
type (
	probeRejected struct {
		By        string `json:"by"`
		Type      uint8  `json:"type"`
		Code      uint8  `json:"code"`
		Words     string `json:"words"`
		Neighbour bool   `json:"neighbour"`
	}
	probeBeyond struct {
		Paths []pathJSON `json:"paths"`
		MTUs  []mtuJSON  `json:"mtus"`
		Clock clockJSON  `json:"clock"`
		Names *namesJSON `json:"names"`

		Refusers []refuserJSON `json:"refusers"`
	}
	refuserJSON struct {
		Name     string `json:"name"`
		Address  string `json:"address"`
		Port     uint16 `json:"port"`
		Distance int    `json:"distance"`
		By       string `json:"by"`
		Words    string `json:"words"`
	}
	pathJSON struct {
		Name       string   `json:"name"`
		Address    string   `json:"address"`
		Port       uint16   `json:"port"`
		Protocol   string   `json:"protocol"`
		Conclusive bool     `json:"conclusive"`
		Layer      string   `json:"layer"`
		Hop        int      `json:"hop"`
		Routers    []string `json:"routers"`
		Distance   int      `json:"distance"`
		Alive      uint16   `json:"alive"`
		Left       string   `json:"left"`
		Hops       []struct {
			Silent []string `json:"silent"`
			UDP    []string `json:"udp"`
			Alive  []string `json:"alive"`
		} `json:"hops"`
		Words string `json:"words"`
		Next  string `json:"next"`
	}
	mtuJSON struct {
		Address string `json:"address"`
		Own     int    `json:"own"`
		MTU     int    `json:"mtu"`
		Sure    bool   `json:"sure"`
		By      string `json:"by"`
		Peer    int    `json:"peer"`
		Hole    bool   `json:"hole"`
		Words   string `json:"words"`
	}
	clockJSON struct {
		Sources []struct {
			Address string  `json:"address"`
			Port    uint16  `json:"port"`
			Service string  `json:"service"`
			Skew    float64 `json:"skew_seconds"`
		} `json:"sources"`
		Sure  bool     `json:"sure"`
		Skew  float64  `json:"skew_seconds"`
		Words []string `json:"words"`
	}
	namesJSON struct {
		File    string     `json:"file"`
		Servers []string   `json:"servers"`
		Search  []string   `json:"search"`
		Ndots   int        `json:"ndots"`
		Order   []string   `json:"order"`
		Words   []string   `json:"words"`
		Lookups []nameJSON `json:"lookups"`
	}
	nameJSON struct {
		Name      string   `json:"name"`
		Found     string   `json:"found"`
		Questions int      `json:"questions"`
		Words     []string `json:"words"`
		Hosts     []struct {
			Line    int    `json:"line"`
			Address string `json:"address"`
		} `json:"hosts"`
		Asked []struct {
			Name string  `json:"name"`
			A    dnsJSON `json:"a"`
			AAAA dnsJSON `json:"aaaa"`
		} `json:"asked"`
		Servers []struct {
			Server string  `json:"server"`
			A      dnsJSON `json:"a"`
			AAAA   dnsJSON `json:"aaaa"`
			EDNS   dnsJSON `json:"edns"`
			TCP    dnsJSON `json:"tcp"`
			Random dnsJSON `json:"random"`
		} `json:"servers"`
		System struct {
			Addresses []string `json:"addresses"`
			Error     string   `json:"error"`
			Seconds   float64  `json:"seconds"`
		} `json:"system"`
	}
	dnsJSON struct {
		Asked     bool     `json:"asked"`
		Outcome   string   `json:"outcome"`
		Addresses []string `json:"addresses"`
		Bytes     int      `json:"bytes"`
		Error     string   `json:"error"`
		Seconds   float64  `json:"seconds"`
	}
)

func rejectedOf(e *probe.End) *probeRejected {
	r := e.Rejection
	if !r.From.IsValid() {
		return nil
	}
	return &probeRejected{r.From.String(), r.Type, r.Code, r.Words(), e.Neighbour}
}

func beyondOf(b *probe.Beyond) probeBeyond {
	out := probeBeyond{Paths: []pathJSON{}, MTUs: []mtuJSON{}, Clock: clockOf(&b.Clock), Refusers: []refuserJSON{}}
	for _, p := range b.Paths {
		out.Paths = append(out.Paths, pathOf(p))
	}
	for _, m := range b.MTUs {
		by := ""
		if m.By.IsValid() {
			by = m.By.String()
		}
		out.MTUs = append(out.MTUs, mtuJSON{m.Addr.String(), m.Own, m.MTU, m.Sure, by, m.Peer, m.Hole, m.Words()})
	}
	for _, r := range b.Refusers {
		by := ""
		switch {
		case r.Host:
			by = "far end"
		case r.Nearer:
			by = "on the way"
		}
		out.Refusers = append(out.Refusers, refuserJSON{r.Name, r.To.Addr().String(), r.To.Port(), r.Distance, by, r.Words()})
	}
	if b.Names != nil {
		n := namesOf(b.Names)
		out.Names = &n
	}
	return out
}

func pathOf(p *probe.Path) pathJSON {
	b := p.Begins()
	x := pathJSON{
		Name: p.Name, Address: p.To.Addr().String(), Port: p.To.Port(), Protocol: p.Protocol.String(), Conclusive: b.Conclusive, Layer: b.Layer.String(), Hop: b.Hop,
		Routers: stringsOf(b.Routers), Distance: p.Distance, Alive: p.Alive, Left: p.Left.String(), Words: b.Words, Next: b.Next,
	}
	x.Hops = empty(x.Hops, len(p.Hops))
	for i := range p.Hops {
		x.Hops[i].Silent, x.Hops[i].UDP, x.Hops[i].Alive = stringsOf(p.Hops[i].Silent), stringsOf(p.Hops[i].UDP), stringsOf(p.Hops[i].Alive)
	}
	return x
}

func clockOf(c *probe.Clock) clockJSON {
	x := clockJSON{Words: []string{}}
	x.Sources = empty(x.Sources, len(c.Sources))
	for i, s := range c.Sources {
		x.Sources[i].Address, x.Sources[i].Port, x.Sources[i].Service, x.Sources[i].Skew = s.To.Addr().String(), s.To.Port(), s.Service, s.Skew.Seconds()
	}
	if f := c.Finding(); f != nil {
		x.Sure, x.Skew, x.Words = f.Sure, f.Skew.Seconds(), f.Words
	}
	return x
}

func namesOf(n *probe.Names) namesJSON {
	x := namesJSON{File: n.Conf.File, Servers: stringsOf(n.Conf.Servers), Search: texts(n.Conf.Search), Ndots: n.Conf.Ndots, Order: texts(n.Order), Words: texts(n.Words()), Lookups: []nameJSON{}}
	for _, l := range n.Lookups {
		y := nameJSON{Name: l.Name, Questions: l.Questions(), Words: texts(l.Words(n))}
		if f := l.Found(); f != nil {
			y.Found = f.Name
		}
		y.Hosts, y.Asked, y.Servers = empty(y.Hosts, len(l.Hosts)), empty(y.Asked, len(l.Candidates)), empty(y.Servers, len(l.Servers))
		for i, h := range l.Hosts {
			y.Hosts[i].Line, y.Hosts[i].Address = h.Line, h.Addr.String()
		}
		for i := range l.Candidates {
			c := &l.Candidates[i]
			y.Asked[i].Name, y.Asked[i].A, y.Asked[i].AAAA = c.Name, dnsOf(&c.A), dnsOf(&c.AAAA)
		}
		for i := range l.Servers {
			s, z := &l.Servers[i], &y.Servers[i]
			z.Server, z.A, z.AAAA, z.EDNS, z.TCP, z.Random = s.Server.String(), dnsOf(&s.A), dnsOf(&s.AAAA), dnsOf(&s.EDNS), dnsOf(&s.TCP), dnsOf(&s.Random)
		}
		y.System.Addresses, y.System.Error, y.System.Seconds = stringsOf(l.System.Addrs), l.System.Error, seconds(l.System.Took)
		x.Lookups = append(x.Lookups, y)
	}
	return x
}

func dnsOf(a *probe.DNSAnswer) dnsJSON {
	outcome := ""
	if a.Asked {
		outcome = a.Outcome.String()
	}
	return dnsJSON{a.Asked, outcome, stringsOf(a.Addrs), a.Size, a.Error, seconds(a.Took)}
}

func seconds(d time.Duration) float64 { return d.Seconds() }

// stringsOf is addresses as JSON has them: a list, never null.
func stringsOf(addrs []netip.Addr) []string {
	out := []string{}
	for _, a := range addrs {
		out = append(out, a.String())
	}
	return out
}

func texts(s []string) []string { return append([]string{}, s...) }

// empty is n zero values.
func empty[T any](_ []T, n int) []T { return make([]T, n) }
