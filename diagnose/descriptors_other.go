//go:build !linux

package diagnose

import "net/netip"

func descriptorsOf(int) (map[string]int, map[netip.AddrPort]int) { return nil, nil }
