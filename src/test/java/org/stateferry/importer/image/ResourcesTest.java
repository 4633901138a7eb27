package org.stateferry.importer.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

class ResourcesTest {
    private final List<String> closed = new ArrayList<>();

    private AutoCloseable failing(String name, Throwable failure) {
        return () -> {
            closed.add(name);
            if (failure instanceof Error error) {
                throw error;
            }
            throw (Exception) failure;
        };
    }

    @Test
    void whateverGoesWrongTheRestIsClosedAndTheFirstFailureThrown() {
        for (Throwable first : List.of(
                new IllegalStateException("first"),
                new StackOverflowError("first"),
                StateferryException.of(FailureKind.IO, "first"))) {
            closed.clear();
            Throwable second = new IllegalArgumentException("second");
            List<AutoCloseable> resources = List.of(
                    () -> closed.add("sound"),
                    failing("first", first),
                    failing("second", second),
                    () -> closed.add("lock"));

            assertThat(catchThrowable(() -> Resources.closeAll(resources))).isSameAs(first);

            assertThat(closed).containsExactly("sound", "first", "second", "lock");
            assertThat(first.getSuppressed()).containsExactly(second);
        }
    }

    @Test
    void nothingIsThrownWhereNothingFails() throws Exception {
        Resources.closeAll(List.of(() -> closed.add("one"), () -> closed.add("two")));

        assertThat(closed).containsExactly("one", "two");
    }
}
