package diagnose

import (
	"strconv"
	"strings"
)

// The flags of a route, <linux/route.h> and <linux/ipv6_route.h>.
const (
	rtfUp     = 0x1
	rtfReject = 0x200
	rtfLocal  = 0x80000000
)

// routes4 reads /proc/net/route: a line a route of the main table, the destination and the mask in
// hexadecimal in the second and the eighth column. Without a route the file has its heading, or nothing.
func routes4(table string) (hasDefault, hasAny Answer) {
	hasDefault, hasAny = No, No
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 8 || f[0] == "Iface" {
			continue
		}
		flags, err := strconv.ParseUint(f[3], 16, 32)
		if err != nil || flags&rtfUp == 0 || flags&rtfReject != 0 || f[0] == "lo" {
			continue
		}
		hasAny = Yes
		if f[1] == "00000000" && f[7] == "00000000" {
			hasDefault = Yes
		}
	}
	return hasDefault, hasAny
}

// routes6 reads /proc/net/ipv6_route: destination, its prefix length, and the flags in the ninth
// column, all in hexadecimal; every table is in it. Link-local and multicast routes are none that lead
// anywhere. Without IPv6 there is no file.
func routes6(table string) (hasDefault, hasAny Answer) {
	hasDefault, hasAny = No, No
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 10 || f[9] == "lo" {
			continue
		}
		flags, err := strconv.ParseUint(f[8], 16, 32)
		if err != nil || flags&rtfUp == 0 || flags&(rtfReject|rtfLocal) != 0 ||
			strings.HasPrefix(f[0], "fe8") || strings.HasPrefix(f[0], "ff") {
			continue
		}
		hasAny = Yes
		if f[1] == "00" && strings.Trim(f[0], "0") == "" {
			hasDefault = Yes
		}
	}
	return hasDefault, hasAny
}
