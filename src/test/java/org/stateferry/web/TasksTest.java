package org.stateferry.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Clock;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.stateferry.home.StopSignal;
import org.stateferry.service.DoubtfulJvm;
import org.stateferry.service.definition.ImportQueue;

/** How what requests ask for gets its turn. */
class TasksTest {
    private final Queue<Runnable> threads = new ArrayDeque<>();
    private final ImportQueue queue = new ImportQueue(threads::add, Clock.systemUTC());
    private final StopSignal stop = new StopSignal();
    private final Tasks tasks = new Tasks(queue, stop, new DoubtfulJvm(code -> {}));

    private static ImportQueue.Ticket definition(int places) {
        return new ImportQueue.Ticket("nightly", Set.of(), places, 0, places);
    }

    private void runAll() {
        for (Runnable work = threads.poll(); work != null; work = threads.poll()) {
            work.run();
        }
    }

    @Test
    void theMemoryOfImportsIsSharedWithTheDefinitions() throws Exception {
        queue.submit(definition(ImportQueue.ROOM), "a", gotOn -> {});
        Task task = tasks.start("import", "a into b", false, 1, (progress, signal) -> "done");

        assertThat(threads).as("of the definition only").hasSize(1);
        assertThat(tasks.waiting()).isEqualTo(1);
        runAll();
        assertThat(task.hasEnded()).isTrue();
        assertThat(tasks.waiting()).isZero();
    }

    @Test
    void aRequestComesBeforeTheDefinitionsThatWait() throws Exception {
        queue.submit(definition(ImportQueue.ROOM), "a", gotOn -> {});
        Queue<String> order = new ArrayDeque<>();
        queue.submit(definition(ImportQueue.ROOM), "a", gotOn -> order.add("definition"));
        tasks.start("import", "a into b", false, 1, (progress, signal) -> order.add("request"));

        runAll();

        assertThat(order).containsExactly("request", "definition");
    }

    @Test
    void whatIsTooMuchIsRefused() throws Exception {
        queue.submit(definition(ImportQueue.ROOM), "a", gotOn -> {});
        for (int i = 0; i < 100; i++) {
            tasks.start("import", "a into b", false, 1, (progress, signal) -> "done");
        }

        assertThatThrownBy(() -> tasks.start("import", "a into b", false, 1, (progress, signal) -> "done"))
                .hasMessageContaining("100 requests are waiting");
        runAll();
        tasks.start("import", "a into b", false, 1, (progress, signal) -> "done");
    }

    @Test
    void ofMoreThanTwoHundredTheOldestThatHaveEndedAreForgotten() throws Exception {
        List<Long> ended = new ArrayList<>();
        for (int i = 0; i < 203; i++) {
            ended.add(tasks.start("import", "a into b", false, 1, (progress, signal) -> "done")
                    .id());
            runAll();
        }
        Task waiting = tasks.start("import", "a into b", false, 1, (progress, signal) -> "done");

        assertThat(ended.stream().filter(id -> tasks.find(id).isPresent()))
                .containsExactlyElementsOf(ended.subList(4, 203));
        assertThat(tasks.find(waiting.id())).contains(waiting);
    }

    @Test
    void whatBreaksMakesRoomForTheNext() throws Exception {
        Task broken = tasks.start("import", "a into b", false, ImportQueue.ROOM, (progress, signal) -> {
            throw new IllegalStateException("broken");
        });
        Task next = tasks.start("import", "a into b", false, ImportQueue.ROOM, (progress, signal) -> "done");

        runAll();

        assertThat(broken.report(0).failure()).isNotNull();
        assertThat(next.report(0).result()).isEqualTo("done");
    }

    @Test
    void nothingIsBegunWhenTheServiceEnds() throws Exception {
        tasks.stop();

        assertThatThrownBy(() -> tasks.start("import", "a into b", false, 1, (progress, signal) -> "done"))
                .hasMessageContaining("the service is ending");
        assertThat(threads).isEmpty();
    }
}
