package org.stateferry.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.springframework.mock.web.MockFilterChain;
import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.mock.web.MockHttpServletResponse;

/** Twelve requests may wait for a disk or a database; for health there is always a thread left. */
class RequestLimitTest {
    private final RequestLimit limit = new RequestLimit();

    private MockHttpServletResponse ask(String path) throws Exception {
        MockHttpServletResponse response = new MockHttpServletResponse();
        limit.doFilter(new MockHttpServletRequest("GET", path), response, new MockFilterChain());
        return response;
    }

    @Test
    void twelveRequestsWaitAndFurtherOnesAreRefusedUntilOneHasItsAnswer() throws Exception {
        CountDownLatch waiting = new CountDownLatch(RequestLimit.REQUESTS_MAX);
        CountDownLatch answered = new CountDownLatch(1);
        ExecutorService clients = Executors.newFixedThreadPool(RequestLimit.REQUESTS_MAX);
        List<Future<?>> asked = new ArrayList<>();
        try {
            for (int count = 0; count < RequestLimit.REQUESTS_MAX; count++) {
                asked.add(clients.submit(() -> {
                    limit.doFilter(
                            new MockHttpServletRequest("GET", "/api/v1/imports"),
                            new MockHttpServletResponse(),
                            (request, response) -> {
                                waiting.countDown();
                                try {
                                    answered.await();
                                } catch (InterruptedException e) {
                                    Thread.currentThread().interrupt();
                                }
                            });
                    return null;
                }));
            }
            waiting.await();

            MockHttpServletResponse refused = ask("/api/v1/imports");
            assertThat(refused.getStatus()).isEqualTo(503);
            assertThat(refused.getHeader("Retry-After")).isEqualTo("5");
            assertThat(refused.getContentAsString()).contains("12 requests are under way");
            assertThat(ask("/actuator/health/liveness").getStatus()).isEqualTo(200);
            assertThat(ask("/actuator/healthy").getStatus())
                    .as("no health check")
                    .isEqualTo(503);
        } finally {
            answered.countDown();
            clients.shutdown();
        }
        for (Future<?> request : asked) {
            request.get();
        }
        assertThat(ask("/api/v1/imports").getStatus()).isEqualTo(200);
    }
}
