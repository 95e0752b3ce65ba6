package oracles

import (
	"encoding/csv"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/profile/flowset"
)

// ported is what netpol-analyzer calls "All Connections". It counts ports from 1.
var ported = transports(1, 65535, flowset.TCP, flowset.UDP, flowset.SCTP)

func transports(first, last uint16, protocols ...flowset.Protocol) (t flowset.Transports) {
	for _, p := range protocols {
		t = t.Union(flowset.Transport(p, flowset.PortRange(first, last)))
	}
	return t
}

// row is a line of what netpol-analyzer expects: names of workloads, "{ingress-controller}" or ranges of addresses, and what may go
// from the one to the other. In a comparison before is what could at first.
type row struct {
	from, to     string
	open, before flowset.Transports
}

// connections reads "All Connections", "No Connections" and "SCTP 1-65535,TCP 1-79,81-65535".
func connections(s string) (t flowset.Transports, err error) {
	switch s = strings.TrimSpace(s); s {
	case "All Connections":
		return ported, nil
	case "No Connections", "":
		return t, nil
	}
	var protocol flowset.Protocol
	for i, item := range strings.Split(s, ",") {
		name, ports, named := strings.Cut(item, " ")
		if named {
			if protocol, err = protocolNamed(name); err != nil {
				return t, err
			}
		} else if ports = item; i == 0 {
			return t, fmt.Errorf("%q names no protocol", s)
		}
		p, err := portRange(ports)
		if err != nil {
			return t, err
		}
		t = t.Union(flowset.Transport(protocol, p))
	}
	return t, nil
}

func protocolNamed(s string) (flowset.Protocol, error) {
	for _, p := range []flowset.Protocol{flowset.TCP, flowset.UDP, flowset.SCTP} {
		if strings.EqualFold(p.String(), s) {
			return p, nil
		}
	}
	return 0, fmt.Errorf("%q is no protocol", s)
}

func portRange(s string) (flowset.Ports, error) {
	first, last, isRange := strings.Cut(s, "-")
	if !isRange {
		last = first
	}
	a, err := strconv.ParseUint(first, 10, 16)
	if err != nil {
		return flowset.Ports{}, err
	}
	b, err := strconv.ParseUint(last, 10, 16)
	return flowset.PortRange(uint16(a), uint16(b)), err
}

// explained reads "TCP:[1-79,81-65535], UDP, SCTP".
func explained(s string) (t flowset.Transports, err error) {
	for _, m := range regexp.MustCompile(`(TCP|UDP|SCTP)(?::\[([^\]]*)\])?`).FindAllStringSubmatch(s, -1) {
		protocol, err := protocolNamed(m[1])
		if err != nil {
			return t, err
		}
		ports := flowset.PortRange(1, 65535)
		if m[2] != "" {
			ports = flowset.Ports{}
			for _, item := range strings.Split(m[2], ",") {
				p, err := portRange(item)
				if err != nil {
					return t, err
				}
				ports = ports.Union(p)
			}
		}
		t = t.Union(flowset.Transport(protocol, ports))
	}
	return t, nil
}

// addresses reads "0.0.0.0-9.255.255.255".
func addresses(s string) (flowset.Addrs, bool) {
	first, last, ok := strings.Cut(s, "-")
	if !ok {
		return flowset.Addrs{}, false
	}
	a, err := netip.ParseAddr(first)
	if err != nil {
		return flowset.Addrs{}, false
	}
	b, err := netip.ParseAddr(last)
	return flowset.AddrRange(a, b), err == nil
}

// parseList reads what "list" writes as text. Focus is what is open on each line of a list for one port, which tells none.
func parseList(text string, focus flowset.Transports) (rows []row, err error) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.HasPrefix(line, "Permitted connections on ") {
			continue
		}
		pair, open, there := strings.Cut(line, " : ")
		from, to, ok := strings.Cut(pair, " => ")
		if !ok {
			return nil, fmt.Errorf("cannot be read: %q", line)
		}
		r := row{from: from, to: to, open: focus}
		if there {
			if r.open, err = connections(open); err != nil {
				return nil, err
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// parseExplained reads what "list --explain" writes: what is allowed in each section, and the pairs that may do all by default.
func parseExplained(text string) (rows []row, err error) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if pair, ok := strings.CutPrefix(line, "Connections between "); ok {
			from, to, _ := strings.Cut(strings.TrimSuffix(pair, ":"), " => ")
			rows = append(rows, row{from: from, to: to})
			continue
		}
		if open, ok := strings.CutPrefix(line, "\tAllowed "); ok {
			open, _, _ = strings.Cut(open, " due to")
			t, err := explained(open)
			if err != nil || len(rows) == 0 {
				return nil, fmt.Errorf("cannot be read: %q: %v", line, err)
			}
			r := &rows[len(rows)-1]
			r.open = r.open.Union(t)
			continue
		}
		if from, to, ok := strings.Cut(line, " => "); ok && !strings.HasPrefix(line, "\t") && !strings.Contains(line, " : ") {
			rows = append(rows, row{from: from, to: to, open: ported})
		}
	}
	return rows, nil
}

// parseDiff reads what "diff" writes, as text or CSV.
func parseDiff(text string, commas bool) (rows []row, err error) {
	var records [][]string
	if commas {
		records, err = csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil || len(records) == 0 {
			return nil, fmt.Errorf("no records: %v", err)
		}
		records = records[1:]
	} else {
		line := regexp.MustCompile(`(?m)^diff-type: (\w+), source: (\S+), destination: (\S+), \S+: (.*?), \S+: (.*?)(?:, workloads-diff-info:.*)?\r?$`)
		for _, m := range line.FindAllStringSubmatch(text, -1) {
			records = append(records, m[1:])
		}
		if want := strings.Count(text, "diff-type: "); want != len(records) {
			return nil, fmt.Errorf("%d of %d lines were understood", len(records), want)
		}
	}
	for _, r := range records {
		before, err := connections(r[3])
		if err != nil {
			return nil, err
		}
		open, err := connections(r[4])
		if err != nil {
			return nil, err
		}
		rows = append(rows, row{from: r[1], to: r[2], open: open, before: before})
	}
	return rows, nil
}
