package testhost

import (
	"os/exec"
	"strings"
)

// NFT has nft(8) read rules in the host. A ";" may stand for the end of a line.
func (h *Host) NFT(rules string) {
	h.t.Helper()
	cmd := exec.Command(Need(h.t, "nft", "nftables"), "-f", "-")
	cmd.Stdin = strings.NewReader(strings.ReplaceAll(rules, ";", "\n") + "\n")
	h.must(cmd)
}

// IPTables runs iptables(8) in the host, the one that makes rules of nftables.
func (h *Host) IPTables(args ...string) {
	h.t.Helper()
	h.must(exec.Command(Need(h.t, "iptables-nft", "iptables"), args...))
}

// TC runs tc(8) in the host.
func (h *Host) TC(args ...string) {
	h.t.Helper()
	h.must(exec.Command(Need(h.t, "tc", "iproute2"), args...))
}
