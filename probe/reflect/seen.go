package reflect

import "net/netip"

// Seen is what the reflector saw of one request: what it answers. Its JSON is the protocol's, and what a GET with the token gets.
type Seen struct {
	Time     int64          `json:"time"`               // of the reflector's clock, in milliseconds since 1970
	Stale    bool           `json:"stale,omitempty"`    // the proof's time is too far from that, and nothing else is told: prove again
	Peer     netip.AddrPort `json:"peer,omitzero"`      // where the request came from
	Local    netip.AddrPort `json:"local,omitzero"`     // where it arrived
	Protocol string         `json:"protocol,omitempty"` // "tcp" or "udp"
	Bytes    *SeenBytes     `json:"bytes,omitempty"`    // nil where the request announced none
	TLS      *SeenTLS       `json:"tls,omitempty"`      // nil where it came without
	HTTP     *SeenHTTP      `json:"http,omitempty"`     // nil where it came as something else
}

// SeenBytes is what came of a request's body.
type SeenBytes struct {
	Came   int    `json:"came"`
	Differ int    `json:"differ"`           // where it differs first from what the token's owner sends; -1: nowhere, or it is not known what was sent
	SHA256 string `json:"sha256,omitempty"` // in hex, where it is not known what was sent
}

// SeenTLS is the hello that came, and what it was answered with.
type SeenTLS struct {
	ServerName  string   `json:"serverName"` // "" for none
	ALPN        []string `json:"alpn,omitempty"`
	Version     string   `json:"version"`
	Certificate string   `json:"certificate"` // the SHA-256 of the reflector's own, in hex
}

// SeenHTTP is the head of the request that came, without what proves the token.
type SeenHTTP struct {
	Method string      `json:"method"`
	Target string      `json:"target"`
	Proto  string      `json:"proto"`
	Host   string      `json:"host"`
	Header [][2]string `json:"header,omitempty"` // names in lower case, sorted
	Cut    bool        `json:"cut,omitempty"`    // there was more than is told here
}
