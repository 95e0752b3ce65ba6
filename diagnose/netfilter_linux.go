package diagnose

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// nftTimeout bounds nft(8): a ruleset of a node with thousands of services takes a second to print.
const nftTimeout = 3 * time.Second

// readFilter reads the packet filter's rules, which takes root, and says what they do with a packet. To be called inside the
// program's network namespace.
func readFilter(ctx context.Context, p packet) filtering {
	if os.Geteuid() != 0 {
		return filtering{}
	}
	out, err := nft(ctx, "-j", "list", "ruleset")
	if err != nil {
		return filtering{}
	}
	rs, err := parseRuleset(out)
	if err != nil {
		return filtering{}
	}
	f := rs.filter(p)
	if f.sure != nil {
		f.sure.text = ruleText(ctx, f.sure)
	}
	for i := range min(len(f.may), maxShown) {
		f.may[i].text = ruleText(ctx, &f.may[i])
	}
	return f
}

// maxShown is how many rules that may deny are shown.
const maxShown = 3

func nft(ctx context.Context, args ...string) ([]byte, error) {
	path, err := exec.LookPath("nft")
	if err != nil {
		path = "/usr/sbin/nft" // where an ordinary PATH does not lead
	}
	ctx, cancel := context.WithTimeout(ctx, nftTimeout)
	defer cancel()
	return exec.CommandContext(ctx, path, args...).Output()
}

// ruleText is a rule as nft prints it, with -s: the state of its counters would be another a moment later.
func ruleText(ctx context.Context, h *filterHit) string {
	if h.handle == 0 {
		return "policy drop"
	}
	out, err := nft(ctx, "-a", "-s", "list", "chain", h.family, h.table, h.chain)
	if err != nil {
		return ""
	}
	mark := fmt.Sprintf(" # handle %d", h.handle)
	for line := range strings.Lines(string(out)) {
		if text, ok := strings.CutSuffix(strings.TrimSpace(line), mark); ok {
			return strings.Join(strings.Fields(text), " ")
		}
	}
	return ""
}
