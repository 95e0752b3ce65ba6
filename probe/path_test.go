package probe

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/attempt"
)

// TestBegins is of ways that are hard to make: those with several routers at a hop, and answers that come and go.
func TestBegins(t *testing.T) {
	a := func(list ...string) (out []netip.Addr) {
		for _, s := range list {
			out = append(out, netip.MustParseAddr(s))
		}
		return out
	}
	to := netip.MustParseAddrPort("10.9.0.1:5432")
	for _, c := range []struct {
		name       string
		path       Path
		conclusive bool
		hop        int
		says       string
	}{
		{"nothing", Path{}, false, 0, "no router said anything"},
		{"on the link", Path{OnLink: true}, false, 0, "no router is between, and the host answers nothing"},
		{"on the link, and alive", Path{OnLink: true, Distance: 1, Alive: 22}, true, 0, "port 22 of the same host answers, so it is a filter for tcp port 5432"},
		{"port 80 proves nothing", Path{OnLink: true, Distance: 1, Alive: 80}, true, 0, "port 80 of the same address answers"},
		{"two ways", Path{Hops: []Hop{{Silent: a("10.1.0.1")}, {Silent: a("10.2.0.1", "10.3.0.1")}}, Distance: 4}, true, 2, "at or after 10.2.0.1 or 10.3.0.1 (hop 2 of 4)"},
		{"others come further", Path{Hops: []Hop{{Silent: a("10.1.0.1")}, {UDP: a("10.2.0.1")}, {}}}, true, 1, "(hop 1 of at least 3); other packets come as far as 10.2.0.1 (hop 2 of at least 3)"},
		{"nobody comes further", Path{Hops: []Hop{{Silent: a("10.1.0.1"), UDP: a("10.1.0.1")}}}, false, 1, "(hop 1 of at least 2), for every packet that was tried"},
		{"answers now", Path{Answered: "connected"}, false, 0, "silent no longer: connected"},
		{"rejected now", Path{Rejected: &Rejection{From: a("10.1.0.1")[0], Type: 3, Code: 13}}, false, 0, "rejected by 10.1.0.1"},
		{"this host", Path{Left: LeftNo}, true, 0, "this host itself discards it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.path.To, c.path.Protocol = to, attempt.TCP
			b := c.path.Begins()
			if b.Conclusive != c.conclusive || b.Hop != c.hop || !strings.Contains(b.Words, c.says) || b.Next == "" {
				t.Errorf("%+v\nwant %v, hop %d, %q", b, c.conclusive, c.hop, c.says)
			}
		})
	}
}

func TestSearchOrder(t *testing.T) {
	search := []string{"a.test", "b.test"}
	for _, c := range []struct {
		name  string
		ndots int
		want  string
	}{
		{"db", 1, "db.a.test db.b.test db"},
		{"db.shop", 1, "db.shop db.shop.a.test db.shop.b.test"},
		{"db.shop", 5, "db.shop.a.test db.shop.b.test db.shop"},
		{"db.shop.", 5, "db.shop"},
		{"db", 0, "db db.a.test db.b.test"},
	} {
		if got := strings.Join(SearchOrder(c.name, search, c.ndots), " "); got != c.want {
			t.Errorf("%s, ndots:%d: %s; want %s", c.name, c.ndots, got, c.want)
		}
	}
}
