package attempt

import (
	"slices"
	"testing"
)

func TestParseResolver(t *testing.T) {
	r := ParseResolver("# a comment\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver what\ndomain a.test\n" +
		"search B.test c.test.\noptions timeout:1 ndots:5\n")
	if len(r.Servers) != 2 || r.Ndots != 5 || !slices.Equal(r.Search, []string{"b.test", "c.test"}) {
		t.Errorf("got %+v", r)
	}
	if r := ParseResolver(""); r.Ndots != 1 || r.Servers != nil {
		t.Errorf("empty: got %+v", r)
	}
}
