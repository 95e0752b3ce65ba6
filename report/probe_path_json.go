package report

import "github.com/sallyport/sallyport/probe"

type probeRejected struct {
	By        string `json:"by"`
	Type      uint8  `json:"type"`
	Code      uint8  `json:"code"`
	Words     string `json:"words"`
	Neighbour bool   `json:"neighbour"`
}

func rejectedOf(e *probe.End) *probeRejected {
	r := e.Rejection
	if !r.From.IsValid() {
		return nil
	}
	return &probeRejected{r.From.String(), r.Type, r.Code, r.Words(), e.Neighbour}
}
