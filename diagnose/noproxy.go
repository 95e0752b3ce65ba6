package diagnose

import (
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/proxy"
)

// readers are the ways in which a kind of client may read no_proxy.
func (c client) readers() []proxy.Client {
	switch c {
	case clientCurl, clientGit:
		return []proxy.Client{proxy.Curl}
	case clientWget:
		return []proxy.Client{proxy.Wget}
	case clientPython:
		return []proxy.Client{proxy.Urllib, proxy.Requests}
	case clientGo:
		return []proxy.Client{proxy.Go}
	case clientNode:
		return []proxy.Client{proxy.Node}
	}
	return proxy.Clients
}

// exempting is the item of a no_proxy list that exempts a's destination for a client, "" where none does. Where the client may read it in
// several ways, an item that any of them heeds counts. An attempt without a name is taken for one whose URL has the address.
func (c client) exempting(list string, a attempt.Attempt) string {
	u := proxy.URL{Scheme: "https", Host: strings.TrimSuffix(a.Name, "."), Port: a.Destination.Port()}
	if u.Host == "" {
		u.Host = a.Destination.Addr().Unmap().String()
	}
	if u.Port == 80 {
		u.Scheme = "http"
	}
	for _, r := range c.readers() {
		if item := r.Exempting(list, u); item != "" {
			return item
		}
	}
	return ""
}
