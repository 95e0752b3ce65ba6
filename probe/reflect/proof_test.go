package reflect

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func testToken(t testing.TB, text string) *Token {
	t.Helper()
	k, err := ParseToken(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const (
	goodToken  = "correct-horse-battery"
	otherToken = "another-horse-battery"
)

func TestToken(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "is empty",
		"short":                       "has 5 characters",
		"with a space in the midst":   "has a space",
		"with-an-ümlaut-in-the-midst": "not ASCII",
		strings.Repeat("x", 2000):     "at most",
		" " + goodToken + "\n":        "",
		NewToken():                    "",
	} {
		_, err := ParseToken(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if a, b := NewToken(), NewToken(); a == b {
		t.Error("the same token twice")
	}
}

// TestProof takes a proof of the token's, and none of which one character differs.
func TestProof(t *testing.T) {
	k := testToken(t, goodToken)
	p := NewProof(time.Now(), 4096)
	text := k.Text(&p)
	if strings.Contains(text, goodToken) || len(text) != proofText {
		t.Fatalf("%q", text)
	}
	got, ok := k.Check([]byte(text))
	if !ok || got.Nonce != p.Nonce || !got.Time.Equal(p.Time) || got.Length != 4096 {
		t.Fatalf("%+v %v, want %+v", got, ok, p)
	}
	if _, ok := testToken(t, otherToken).Check([]byte(text)); ok {
		t.Error("another token takes it")
	}
	for i := range text {
		b := []byte(text)
		if b[i]++; b[i] == text[i] {
			continue
		}
		if _, ok := k.Check(b); ok {
			t.Errorf("taken with another character at %d", i)
		}
	}
	big := NewProof(time.Now(), MaxBody+1)
	if _, ok := k.Check([]byte(k.Text(&big))); ok {
		t.Error("a body that is too long is taken")
	}
}

func TestSeal(t *testing.T) {
	k := testToken(t, goodToken)
	p, q := NewProof(time.Now(), 0), NewProof(time.Now(), 0)
	text := k.seal(&p, &Seen{Time: 5})
	if s, err := k.Open(&p, []byte(text)); err != nil || s.Time != 5 {
		t.Fatal(s, err)
	}
	if _, err := k.Open(&q, []byte(text)); !errors.Is(err, ErrForged) {
		t.Error("the answer to another proof is taken:", err)
	}
	for i := range text {
		b := []byte(text)
		b[i] ^= 1
		if _, err := k.Open(&p, b); !errors.Is(err, ErrForged) {
			t.Errorf("taken with another character at %d: %v", i, err)
		}
	}
}

// TestReplay takes each proof once, also while older ones are forgotten.
func TestReplay(t *testing.T) {
	now := time.Now()
	m := newProofs(8)
	var all []Proof
	for range 50 {
		now = now.Add(time.Second)
		p := NewProof(now, 0)
		if f := m.take(&p, now); f != fresh {
			t.Fatalf("proof %d: %v", len(all), f)
		}
		all = append(all, p)
		for i := range all {
			if m.take(&all[i], now) == fresh {
				t.Fatalf("proof %d is taken again after %d more", i, len(all)-i-1)
			}
		}
	}
	if n := len(m.cur.keys) + len(m.old.keys); n > 8 {
		t.Errorf("%d are remembered", n)
	}
	for _, off := range []time.Duration{-window - time.Second, window + time.Second} {
		p := NewProof(now.Add(off), 0)
		if f := m.take(&p, now); f != stale {
			t.Errorf("%v off: %v", off, f)
		}
	}
	late := all[len(all)-1]
	if f := m.take(&late, now.Add(3*window)); f == fresh {
		t.Error("taken again once it was forgotten")
	}
}

// TestClockSetBack takes proofs again once this host's clock has been set back, by hours.
func TestClockSetBack(t *testing.T) {
	now := time.Now().Add(5 * time.Hour)
	m := newProofs(4)
	for range 20 {
		p := NewProof(now, 0)
		m.take(&p, now)
		now = now.Add(time.Millisecond)
	}
	now = now.Add(-5 * time.Hour)
	p := NewProof(now, 0)
	if f := m.take(&p, now); f != fresh {
		t.Error(f)
	}
	if f := m.take(&p, now); f != replayed {
		t.Error(f)
	}
}

func TestBody(t *testing.T) {
	k := testToken(t, goodToken)
	p, q := NewProof(time.Now(), 0), NewProof(time.Now(), 0)
	for _, n := range []int{0, 1, 255, 256, 257, 288, 4096} {
		b := k.Body(&p, Out, n)
		if len(b) != n || Differ(b, k.Body(&p, Out, n)) != -1 {
			t.Fatalf("%d: %d", n, len(b))
		}
		for i := range min(n, 256) {
			if b[i] != byte(i) {
				t.Fatalf("%d is %d", i, b[i])
			}
		}
		if n > 300 && (bytes.Equal(b, k.Body(&p, Back, n)) || bytes.Equal(b, k.Body(&q, Out, n))) {
			t.Error("two bodies are alike")
		}
	}
	for _, c := range []struct {
		sent, came string
		want       int
	}{{"abc", "abc", -1}, {"abc", "abd", 2}, {"abc", "ab", 2}, {"abc", "abcd", 3}, {"", "", -1}, {"", "x", 0}} {
		if got := Differ([]byte(c.sent), []byte(c.came)); got != c.want {
			t.Errorf("%q %q: %d, want %d", c.sent, c.came, got, c.want)
		}
	}
}
