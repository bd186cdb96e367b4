//! Which attempt a point belongs to, and the points of each attempt by tag.
//!
//! TensorBoard removes what a restart orphaned: all points from the step of a second SessionLog START on, or, for older files, all of a
//! tag from the step to which it goes back. Here such points stay as an earlier attempt, and what follows is the next one. It begins
//!
//! - at a START, when the attempt has points already;
//! - where a new writer (file, or version record) goes back to a step below the newest that the tag has;
//! - where one writer itself goes back by more than two of the tag's usual strides. Less is points out of order, not a restart.
//!
//! Equal steps are no restart: an evaluation after training is logged at the last step once more. Each writer has its own attempt, so
//! that two that write into one run at the same time do not split it at every other point.

use std::collections::HashMap;

use super::Point;

/// Attempts of one run; what goes back after that stays in the newest.
const SEGMENTS_LIMIT: usize = 1000;
/// Writer of a column that was known before reading began; others begin at 1.
const NOBODY: u32 = 0;
/// Series of one run, over all attempts.
const SERIES_LIMIT: usize = 200_000;

/// Where one series of an earlier reading stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// From 1.
    pub attempt: u32,
    pub tag: String,
    pub count: u64,
    pub first_step: i64,
    pub last_step: i64,
}

/// Who writes: a file, or the part of one that begins with a version record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Writer {
    id: u32,
    segment: usize,
    /// It wrote before the console was started again: some of what is known is its own.
    is_resumed: bool,
    /// The column of its last point, and the one that is expected next.
    last: usize,
    next: usize,
}

impl Writer {
    pub fn attempt(&self) -> u32 {
        u32::try_from(self.segment).unwrap_or(u32::MAX - 1) + 1
    }

    fn go_to(&mut self, segment: usize) {
        (self.segment, self.last, self.next) = (segment, 0, 0);
    }
}

#[derive(Default)]
pub(super) struct Segments {
    all: Vec<Segment>,
    writers: u32,
    series: usize,
}

#[derive(Default)]
struct Segment {
    columns: Vec<Column>,
    of_tag: HashMap<Box<[u8]>, usize>,
}

/// The points of one tag.
struct Column {
    tag: Box<[u8]>,
    name: String,
    points: Vec<Point>,
    /// The column whose point followed this one's last time.
    next: usize,
    writer: u32,
    count: u64,
    first: i64,
    /// Highest step.
    newest: i64,
}

impl Segments {
    /// A new writer, whose points belong to the newest attempt until they say otherwise.
    pub fn writer(&mut self) -> Writer {
        self.writers += 1;
        if self.all.is_empty() {
            self.all.push(Segment::default());
        }
        Writer {
            id: self.writers,
            segment: self.all.len() - 1,
            is_resumed: false,
            last: 0,
            next: 0,
        }
    }

    /// A writer that goes on in an attempt.
    pub fn writer_in(&mut self, attempt: u32) -> Writer {
        let segment = usize::try_from(attempt)
            .unwrap_or(1)
            .clamp(1, SEGMENTS_LIMIT)
            - 1;
        while self.all.len() <= segment {
            self.all.push(Segment::default());
        }
        let mut writer = self.writer();
        (writer.segment, writer.is_resumed) = (segment, true);
        writer
    }

    pub fn know(&mut self, known: Known) {
        let writer = self.writer_in(known.attempt);
        let tag: Box<[u8]> = known.tag.as_bytes().into();
        let segment = &mut self.all[writer.segment];
        segment.of_tag.insert(tag.clone(), segment.columns.len());
        segment.columns.push(Column {
            tag,
            name: known.tag,
            points: Vec::new(),
            next: 0,
            writer: NOBODY,
            count: known.count,
            first: known.first_step,
            newest: known.last_step,
        });
        self.series += 1;
    }

    /// A version record: another writer goes on from here.
    #[inline(never)]
    pub fn begin_writer(&mut self, writer: &mut Writer) {
        self.writers += 1;
        (writer.id, writer.is_resumed) = (self.writers, false);
    }

    /// A SessionLog START.
    #[inline(never)]
    pub fn begin_session(&mut self, writer: &mut Writer) {
        // Of all attempts the newest: an earlier session may have been another file's.
        let newest = self.all.len() - 1;
        if self.all[newest].columns.is_empty() {
            writer.go_to(newest);
        } else {
            self.begin_segment(writer);
        }
    }

    fn begin_segment(&mut self, writer: &mut Writer) {
        if self.all.len() < SEGMENTS_LIMIT {
            self.all.push(Segment::default());
        }
        writer.go_to(self.all.len() - 1);
    }

    /// False: there are too many series already, the point was left out.
    #[inline(always)]
    pub fn push(&mut self, writer: &mut Writer, tag: &[u8], point: Point) -> bool {
        let segment = &mut self.all[writer.segment];
        let at = match segment.columns.get(writer.next) {
            Some(column) if *column.tag == *tag => writer.next,
            _ => match self.find(writer, tag, point.step) {
                Some(at) => at,
                None => return false,
            },
        };
        let column = &mut self.all[writer.segment].columns[at];
        if point.step < column.newest {
            return self.back(writer, at, point);
        }
        column.newest = point.step;
        column.take(writer.id, point);
        (writer.last, writer.next) = (at, column.next);
        true
    }

    /// The column of a tag that was not expected here, made where there is none.
    #[inline(never)]
    fn find(&mut self, writer: &Writer, tag: &[u8], step: i64) -> Option<usize> {
        let segment = &mut self.all[writer.segment];
        let at = match segment.of_tag.get(tag) {
            Some(at) => *at,
            None => {
                if self.series >= SERIES_LIMIT {
                    return None;
                }
                self.series += 1;
                let at = segment.columns.len();
                segment.of_tag.insert(tag.into(), at);
                segment.columns.push(Column {
                    tag: tag.into(),
                    name: String::from_utf8_lossy(tag).into_owned(),
                    points: Vec::new(),
                    next: at + 1,
                    writer: writer.id,
                    count: 0,
                    first: step,
                    newest: step,
                });
                at
            }
        };
        if let Some(last) = segment.columns.get_mut(writer.last) {
            last.next = at;
        }
        Some(at)
    }

    /// A point below the newest step of its tag.
    #[inline(never)]
    fn back(&mut self, writer: &mut Writer, at: usize, point: Point) -> bool {
        let is_last = self.all.len() >= SEGMENTS_LIMIT && writer.segment == SEGMENTS_LIMIT - 1;
        let column = &mut self.all[writer.segment].columns[at];
        let steps = column.newest.abs_diff(column.first);
        let stride = steps / column.count.saturating_sub(1).max(1);
        let is_own = column.writer == writer.id || column.writer == NOBODY && writer.is_resumed;
        let is_late = is_own && column.newest.abs_diff(point.step) <= stride.saturating_mul(2);
        if is_late || is_last {
            column.take(writer.id, point);
            (writer.last, writer.next) = (at, column.next);
            return true;
        }
        let tag = column.tag.clone();
        self.begin_segment(writer);
        self.push(writer, &tag, point)
    }

    pub fn drain(&mut self, mut each: impl FnMut(u32, &str, &[Point])) {
        for (attempt, segment) in (1..).zip(&mut self.all) {
            for column in &mut segment.columns {
                if !column.points.is_empty() {
                    each(attempt, &column.name, &column.points);
                    column.points.clear();
                }
            }
        }
    }
}

impl Column {
    #[inline(always)]
    fn take(&mut self, writer: u32, point: Point) {
        self.points.push(point);
        self.count += 1;
        self.writer = writer;
    }
}
