package report

import (
	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
)

// rejectionText says who rejected an attempt, as far as what came back tells.
func rejectionText(e *probe.End) string {
	switch words := e.Rejection.Words(); {
	case e.Neighbour:
		return "; nobody answers for the next hop: the host, or the router there, is down or not on this network"
	case words != "":
		if e.Layer == probe.LocalFirewall {
			words += ", which is this host itself"
		}
		return "; " + words
	case e.Outcome.Kind == attempt.Refused && e.Stage == probe.StageConnect && e.Layer == probe.FarEnd:
		return "; by the far end, or something in its name"
	}
	return ""
}
