package diagnose

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/sallyport/sallyport/attempt"
)

// TestFilter follows a packet through rules as `nft -j list ruleset` prints them. What can't be decided must never be taken for certain:
// a limit, a mark, a set whose elements are not known, an extension of iptables.
func TestFilter(t *testing.T) {
	p := packet{
		to: netip.MustParseAddr("192.0.2.7"), from: netip.MustParseAddr("10.0.0.1"), port: 443, protocol: attempt.TCP, device: "eth0", uid: 1000, tracked: true,
	}
	const (
		daddr  = `{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":"192.0.2.7"}}`
		drop   = `{"drop":null}`
		accept = `{"accept":null}`
		limit  = `{"limit":{"rate":1,"burst":5,"per":"second"}}`
		mark   = `{"match":{"op":"==","left":{"meta":{"key":"mark"}},"right":1}}`
	)
	for _, tt := range []struct {
		name   string
		policy string
		rules  []string
		sure   int // handle of the rule, counted from 1; 0: none; -1: the policy
		may    int
	}{
		{"matches", "accept", []string{daddr + "," + drop}, 1, 0},
		{"accepted before", "accept", []string{daddr + "," + accept, drop}, 0, 0},
		{"policy", "drop", []string{mark + "," + drop}, -1, 1},
		{"policy, after what may accept", "drop", []string{mark + "," + accept}, 0, 1},
		{"may be accepted before", "accept", []string{mark + "," + accept, daddr + "," + drop}, 0, 1},
		{"may be dropped before", "accept", []string{mark + "," + drop, daddr + "," + drop}, 2, 1},
		{"limit", "accept", []string{limit + "," + drop}, 0, 1},
		{"queued before", "accept", []string{`{"queue":{"num":1}}`, drop}, 0, 1},
		{"unknown statement", "accept", []string{`{"made up":1},` + drop}, 0, 1},
		{"sent elsewhere before", "accept", []string{`{"dnat":{"addr":"10.0.0.9"}}`, drop}, 0, 1},
		{"no such set", "accept", []string{`{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":"@gone"}},` + drop}, 0, 1},
		{"not what is excepted", "accept", []string{`{"match":{"op":"!=","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":{"prefix":{"addr":"192.0.2.0","len":24}}}},` + drop}, 0, 0},
		{"another than what is excepted", "accept", []string{`{"match":{"op":"!=","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":{"range":[1,80]}}},` + drop}, 1, 0},
		{"UDP, not excepted", "accept", []string{`{"match":{"op":"!=","left":{"payload":{"protocol":"udp","field":"dport"}},"right":53}},` + drop}, 0, 0},
		{"another user", "accept", []string{`{"match":{"op":"==","left":{"meta":{"key":"skuid"}},"right":0}},` + drop}, 0, 0},
		{"by a verdict map", "accept", []string{`{"vmap":{"key":{"payload":{"protocol":"tcp","field":"dport"}},"data":{"set":[[22,{"accept":null}],[443,{"drop":null}]]}}}`}, 1, 0},
		{"iptables, an extension", "accept", []string{`{"xt":{"type":"match","name":"owner"}},` + drop}, 0, 1},
		{"iptables, REJECT", "accept", []string{`{"xt":{"type":"match","name":"comment"}},{"xt":{"type":"target","name":"REJECT"}}`}, 1, 0},
		{"established", "accept", []string{`{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":["established","related"]}},` + accept, drop}, 2, 0},
		{"not tracked", "accept", []string{mark + `,{"notrack":null}`, `{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":"new"}},` + drop}, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			doc := fmt.Sprintf(`{"nftables":[{"chain":{"family":"inet","table":"f","name":"out","hook":"output","prio":0,"policy":%q}}`, tt.policy)
			for i, r := range tt.rules {
				doc += fmt.Sprintf(`,{"rule":{"family":"inet","table":"f","chain":"out","handle":%d,"expr":[%s]}}`, i+1, r)
			}
			rs, err := parseRuleset([]byte(doc + "]}"))
			if err != nil {
				t.Fatal(err)
			}
			f := rs.filter(p)
			sure := 0
			if f.sure != nil {
				sure = f.sure.handle
				if sure == 0 {
					sure = -1
				}
			}
			if sure != tt.sure || len(f.may) != tt.may {
				t.Errorf("certain: %d, possible: %v\nwant %d, %d", sure, f.may, tt.sure, tt.may)
			}
		})
	}
}

// FuzzFilter holds that no ruleset, however odd, stops the diagnosis.
func FuzzFilter(f *testing.F) {
	f.Add([]byte(`{"nftables":[{"chain":{"family":"inet","table":"f","name":"o","hook":"output"}},{"rule":{"family":"inet","table":"f","chain":"o","expr":[{"jump":{"target":"o"}}]}}]}`))
	f.Add([]byte(`{"nftables":[{"chain":{"family":"ip","table":"f","name":"o","hook":"output"}},{"rule":{"family":"ip","table":"f","chain":"o","expr":[{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":{"set":[{"elem":1},{"prefix":{"addr":"::","len":900}}]}}},{"drop":null}]}}]}`))
	f.Fuzz(func(_ *testing.T, b []byte) {
		if rs, err := parseRuleset(b); err == nil {
			rs.filter(packet{to: netip.MustParseAddr("192.0.2.7"), port: 443, protocol: attempt.TCP, uid: -1})
		}
	})
}
