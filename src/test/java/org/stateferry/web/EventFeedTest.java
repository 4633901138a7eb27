package org.stateferry.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.JobInstance;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.stateferry.repository.RunningImport;
import org.stateferry.testing.FakeClock;
import org.stateferry.web.EventFeed.Event;

class EventFeedTest {
    private final EventFeed feed = new EventFeed(new FakeClock("2026-11-28T10:00:00Z"));

    private static JobExecution attempt(long id) {
        return new JobExecution(id, new JobInstance(7, "import"), new JobParameters());
    }

    private void progressed(long attempt, long bytes) {
        feed.progressed(List.of(new RunningImport.State(
                7, attempt, "/dump", "/image", "saved", Instant.EPOCH, "transfer", bytes, null, null, null, "import")));
    }

    @Test
    void theNewestThousandAreKept() {
        for (int id = 1; id <= 1001; id++) {
            feed.beforeJob(attempt(id));
        }

        assertThat(feed.after(0)).hasSize(1000);
        assertThat(feed.after(0).get(0).attempt()).isEqualTo(2);
        assertThat(feed.after(feed.lastId() - 1)).extracting(Event::attempt).containsExactly(1001L);
    }

    @Test
    void ofAnImportsProgressOnlyTheLastIsKeptUntilItEnds() {
        feed.beforeJob(attempt(1));
        feed.beforeJob(attempt(2));
        for (int bytes = 0; bytes < 5000; bytes++) {
            progressed(1, bytes);
        }

        assertThat(feed.after(0))
                .extracting(Event::type)
                .containsExactly("import-started", "import-started", "import-progress");
        feed.afterJob(attempt(1));
        assertThat(feed.after(0))
                .extracting(Event::type)
                .containsExactly("import-started", "import-started", "import-ended");
    }

    @Test
    void whoIsAsFarAsBeforeIsNoEvent() {
        progressed(1, 5);
        long before = feed.lastId();

        progressed(1, 5);

        assertThat(feed.lastId()).isEqualTo(before);
    }
}
