package load

import (
	"slices"
	"sync"
	"time"
)

const (
	keptLatencies = 2_000_000
	keptFailures  = 20
)

// Summary is what came of it. Latencies are of answers, in milliseconds.
type Summary struct {
	Requests    int            `json:"requests"`
	Seconds     float64        `json:"seconds"`
	RPS         float64        `json:"rps"`
	Statuses    map[int]int    `json:"statuses"`
	Errors      map[string]int `json:"errors"`
	Pods        map[string]int `json:"pods"`
	Connections int            `json:"connections"`
	Retried     int            `json:"retried"`
	Latency     Latency        `json:"latency_ms"`
	Failures    []Failure      `json:"failures"`
}

// Latency has percentiles.
type Latency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Failure is one of the first requests without an answer, or with an answer of 500 and above.
type Failure struct {
	AfterSeconds float64 `json:"after_seconds"`
	Status       int     `json:"status,omitempty"`
	Error        string  `json:"error,omitempty"`
}

type result struct {
	at      time.Time
	latency time.Duration
	status  int
	pod     string
	err     string
	retried bool
}

type tally struct {
	mutex     sync.Mutex
	start     time.Time
	last      time.Time
	sum       Summary
	latencies []time.Duration
}

func newTally() *tally {
	now := time.Now()
	sum := Summary{Statuses: map[int]int{}, Errors: map[string]int{}, Pods: map[string]int{}, Failures: []Failure{}}
	return &tally{start: now, last: now, sum: sum}
}

func (t *tally) connected() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.sum.Connections++
}

func (t *tally) add(r result) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.sum.Requests++
	t.last = r.at
	if r.retried {
		t.sum.Retried++
	}
	if r.err != "" {
		t.sum.Errors[r.err]++
	} else {
		t.answered(r)
	}
	if (r.err != "" || r.status >= 500) && len(t.sum.Failures) < keptFailures {
		t.sum.Failures = append(t.sum.Failures, Failure{r.at.Sub(t.start).Seconds(), r.status, r.err})
	}
}

func (t *tally) answered(r result) {
	t.sum.Statuses[r.status]++
	if r.pod != "" {
		t.sum.Pods[r.pod]++
	}
	if len(t.latencies) < keptLatencies {
		t.latencies = append(t.latencies, r.latency)
	}
}

func (t *tally) summary() Summary {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	sum := t.sum
	sum.Seconds = t.last.Sub(t.start).Seconds()
	if sum.Seconds > 0 {
		sum.RPS = float64(sum.Requests) / sum.Seconds
	}
	slices.Sort(t.latencies)
	sum.Latency = Latency{t.percentile(0.5), t.percentile(0.9), t.percentile(0.99), t.percentile(1)}
	return sum
}

func (t *tally) percentile(fraction float64) float64 {
	if len(t.latencies) == 0 {
		return 0
	}
	index := int(fraction * float64(len(t.latencies)-1))
	return float64(t.latencies[index]) / float64(time.Millisecond)
}
