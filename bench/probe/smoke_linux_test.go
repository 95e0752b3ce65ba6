package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "listen" {
		check(listen())
	}
	os.Exit(m.Run())
}

// TestAllPorts asserts that the numbers come about, and that no answer is false; nothing of how fast it is.
func TestAllPorts(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: network namespaces")
	}
	for _, name := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip("needs ", name)
		}
	}
	program := filepath.Join(t.TempDir(), "sallyport-probe")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/sallyport-probe").CombinedOutput(); err != nil {
		t.Fatalf("build sallyport-probe: %v\n%s", err, out)
	}
	n, err := newNetwork()
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	b := &bench{network: n, probe: program, rounds: 1}
	var s series
	if err := b.turn(&s, program, "--rate", "0", "--output", "json", farAddr+":1-65535"); err != nil {
		t.Fatal(err)
	}
	got, err := count(s.out)
	if err != nil || got["connected"] != len(openPorts) || got["refused"] != 65535-len(openPorts) || s.took[0] <= 0 || s.memory <= 0 {
		t.Errorf("%v, %v: %s", got, err, strings.TrimSpace(s.out[:min(len(s.out), 300)]))
	}
}
