package org.stateferry.transfer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(600)
class BufferPoolTest {
    private static final int SIZE = 8192;

    private final BufferPool pool = new BufferPool(3, SIZE, 4096);

    @Test
    void buffersAreDirectAlignedEmptyAndNotShared() {
        List<TransferBuffer> taken = List.of(pool.take(), pool.take(), pool.take());

        for (TransferBuffer buffer : taken) {
            assertThat(buffer.bytes().isDirect()).isTrue();
            assertThat(buffer.bytes().alignmentOffset(0, 4096)).isZero();
            assertThat(buffer.bytes().remaining()).isEqualTo(SIZE);
            assertThat(buffer.bytes().capacity()).isEqualTo(SIZE);
            assertThat(buffer.size()).isZero();
        }
        for (int i = 0; i < taken.size(); i++) {
            taken.get(i).bytes().put(0, (byte) (i + 1));
        }
        assertThat(taken).extracting(buffer -> buffer.bytes().get(0)).containsExactly((byte) 1, (byte) 2, (byte) 3);
        assertThat(pool.takenCount()).isEqualTo(3);
    }

    @Test
    void memoryIsUsedAgainAndComesEmpty() {
        TransferBuffer first = pool.take();
        first.bytes().put(new byte[100]).limit(200);
        first.release();

        TransferBuffer again = pool.take();

        assertThat(again.bytes()).isSameAs(first.bytes());
        assertThat(again.size()).isZero();
        assertThat(again.bytes().remaining()).isEqualTo(SIZE);
    }

    @Test
    void whoComesWhenAllAreOutWaitsForOneToComeBack() throws Exception {
        List<TransferBuffer> taken = new ArrayList<>(List.of(pool.take(), pool.take(), pool.take()));
        CountDownLatch got = new CountDownLatch(1);
        Thread waiter = new Thread(() -> {
            pool.take();
            got.countDown();
        });
        waiter.start();
        while (waiter.getState() != Thread.State.WAITING) {
            Thread.sleep(1);
        }
        assertThat(got.getCount()).isOne();

        taken.remove(0).release();

        assertThat(got.await(10, TimeUnit.MINUTES)).isTrue();
        waiter.join();
        assertThat(pool.takenCount()).isEqualTo(3);
    }
}
