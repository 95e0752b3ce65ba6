package profile_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/profile"
)

var update = flag.Bool("update", false, "write the expected messages under testdata/bad from what Parse says")

// TestBadFiles holds what people see: each file of testdata/bad, and beside it what is said about it.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = profile.Parse(name+".yaml", data)
			if err == nil {
				t.Fatal("parsed, want an error")
			}
			var p *profile.Problem
			if !errors.As(err, &p) || p.File != name+".yaml" {
				t.Errorf("no problem of the file in %v", err)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".err"
			got := err.Error() + "\n"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestParseLimits(t *testing.T) {
	huge := []byte(strings.Repeat("# filler\n", 1+(4<<20)/9))
	_, err := profile.Parse("huge.yaml", huge)
	if want := "huge.yaml: is larger than 4 MiB: want a smaller profile"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	deep := []byte("spec: " + strings.Repeat("[", 1<<20))
	if _, err := profile.Parse("deep.yaml", deep); err == nil {
		t.Error("deep nesting parsed")
	}
	var b strings.Builder
	b.WriteString("apiVersion: sallyport.dev/v1alpha1\nkind: EgressProfile\nmetadata: {name: many}\nspec:\n  bind:\n    rules:\n")
	for range 1000 {
		b.WriteString("    - {verdict: no}\n")
	}
	_, err = profile.Parse("many.yaml", []byte(b.String()))
	if n := strings.Count(err.Error(), "\n"); n != 50 || !strings.HasSuffix(err.Error(), "many.yaml: 950 more problems") {
		t.Errorf("got %d lines ending in %q", n+1, err.Error()[len(err.Error())-40:])
	}
}

// full has every field, and each form that a value can have.
const full = `# JSON would do as well
apiVersion: sallyport.dev/v1alpha1
kind: EgressProfile
metadata:
  name: full.1
  description: 'all: of it # really'
spec:
  facts:
    addresses: [172.16.6.170, "2001:db8::1", "::ffff:10.0.0.1"]
    seenAs: [198.51.100.7]
    resolver: {servers: [10.96.0.10, "fd00::a"], search: [shop.svc.cluster.local, cluster.local], ndots: 5}
    environment: {A: "1", B: "", "true": "no", "C D": "x: y\n\ttab\r", "<<": "*a"}
  bind:
    default: {errno: EPERM}
    rules:
    - addresses: [any, loopback, 10.0.0.1, "::1", {cidr: "::/0", except: [loopback, any, "2001:db8::/32"]}]
      ports: [0, "1-1023", 8080, "8081"]
      protocols: [tcp, udp, sctp, icmp, icmpv6]
      verdict: {errno: EACCES}
      reason: "a reason: with #, é and ✓"
  egress:
    default: drop
    timeout: 1m30s
    rules:
    - sources: [none, any, loopback, "::ffff:10.0.0.0/104", {except: [loopback]}]
      destinations: [{except: [loopback]}, 0.0.0.0/0]
      verdict: drop
      timeout: 1500ms
    - {verdict: refuse}
    - {verdict: unreachable}
    - {verdict: allow, from: {object: "EgressFirewall shop/default"}}
  layers:
  - name: tiers
    from: {object: "NetworkPolicy shop/db", file: "policies: all.yaml", line: 12}
    rules:
    - {destinations: [10.0.0.0/8], verdict: allow, from: {file: a.yaml, line: 1}}
    - {verdict: drop, timeout: 2s}
  - {name: quiet, default: abstain}
  - {name: open, default: allow, from: {file: b.yaml}}
  - {name: closed, default: drop, timeout: 3s}
  - {name: firewall, default: {errno: EPERM}}
`

func TestRoundTrip(t *testing.T) {
	p, err := profile.Parse("full.yaml", []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, p)
	for _, name := range profile.Builtins() {
		p, _ := profile.Builtin(name)
		roundTrip(t, p)
	}
}

// roundTrip compares field by field, since Equal is made of what Encode is made of.
func roundTrip(t *testing.T, p *profile.Profile) {
	t.Helper()
	data, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	q, err := profile.Parse("again.yaml", data)
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	if got, want := fields(q), fields(p); !reflect.DeepEqual(got, want) {
		t.Fatalf("got:\n%+v\nwant:\n%+v\nby way of:\n%s", got, want, data)
	}
	if !p.Equal(q) {
		t.Errorf("not equal: %s", data)
	}
}

// fields is what a profile holds apart from where it was read.
func fields(p *profile.Profile) map[string]any {
	bind, egress := p.Bind, p.Egress
	bind.Line, egress.Line = 0, 0
	bind.Rules, egress.Rules = nil, nil
	for _, r := range p.Bind.Rules {
		r.Line = 0
		bind.Rules = append(bind.Rules, r)
	}
	for _, r := range p.Egress.Rules {
		r.Line = 0
		egress.Rules = append(egress.Rules, r)
	}
	layers := []profile.Layer{}
	for _, l := range p.Layers {
		l.Line = 0
		l.Rules = slices.Clone(l.Rules)
		for i := range l.Rules {
			l.Rules[i].Line = 0
		}
		layers = append(layers, l)
	}
	return map[string]any{
		"layers": layers, "name": p.Name, "description": p.Description, "bind": bind, "egress": egress,
		"addresses": fmt.Sprint(p.Facts.Addresses), "environment": fmt.Sprintf("%q", p.Facts.Environment),
	}
}

func TestEqual(t *testing.T) {
	a := spec(t, "  bind: {rules: [{addresses: [any], verdict: {errno: EACCES}}]}\n")
	b := spec(t, "\n\n  bind:\n    default: allow\n    rules:\n    - addresses: [any]\n      verdict: {errno: EACCES}\n")
	c := spec(t, "  bind: {rules: [{addresses: [any], verdict: {errno: EPERM}}]}\n")
	if !a.Equal(b) || a.Equal(c) {
		t.Errorf("got a = b %t, a = c %t, want true, false", a.Equal(b), a.Equal(c))
	}
}

func TestEncodeChecks(t *testing.T) {
	p := &profile.Profile{Name: "by-hand"}
	p.Bind.Rules = []profile.BindRule{{Verdict: profile.Verdict{Kind: profile.Drop}}}
	_, err := p.Encode()
	if err == nil || !strings.Contains(err.Error(), "bind rule 1: verdict drop is no answer of bind(2)") {
		t.Errorf("got %v, want a problem of bind rule 1", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	for _, dir := range []string{"testdata/bad", "builtin"} {
		files, err := filepath.Glob(dir + "/*.yaml")
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds in %s: %v", dir, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := profile.Parse("fuzz.yaml", data)
		if err != nil {
			return
		}
		roundTrip(t, p)
		p.DecideEgress(try(t, "tcp 127.0.0.1:0 192.0.2.1:80"))
	})
}
