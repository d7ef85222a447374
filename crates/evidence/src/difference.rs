//! Compares two pictures pixel by pixel, but for the parts that are said to change by themselves.

use std::io::Cursor;

use image::{ImageFormat, ImageReader, Limits, Rgba, RgbaImage};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The most memory that one picture may take.
const MOST_BYTES: u64 = 512 << 20;
/// How much a channel may differ (of 255) and still count as the same: rounding of blended edges.
const SAME_WITHIN: u8 = 2;

/// How far two pictures differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Differing pixels of all, 0 to 100. Where only one picture has a pixel, it differs.
    pub percent: f64,
    /// How many differ.
    pub pixels: u64,
    /// The smallest area that holds all that differs.
    pub area: Option<Area>,
    /// A PNG: the later picture in faint grey, what differs in red, what was not compared in blue.
    pub picture: Vec<u8>,
}

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Area {
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
    /// To the right of `x`.
    pub width: u32,
    /// Below `y`.
    pub height: u32,
}

impl Area {
    fn holds(&self, x: u32, y: u32) -> bool {
        let is_in = |at: u32, from: u32, length: u32| at >= from && at - from < length;
        is_in(x, self.x, self.width) && is_in(y, self.y, self.height)
    }

    /// Returns the smallest area that holds this one and a pixel.
    fn with(self, x: u32, y: u32) -> Self {
        let (left, top) = (self.x.min(x), self.y.min(y));
        let (right, bottom) = ((self.x + self.width).max(x + 1), (self.y + self.height).max(y + 1));
        Self { x: left, y: top, width: right - left, height: bottom - top }
    }
}

/// Compares two PNGs, but for what lies in `ignored`: it counts as the same.
///
/// # Errors
/// [`Error::Picture`] where one of them is not a picture of sensible size.
pub fn difference(before: &[u8], after: &[u8], ignored: &[Area]) -> Result<Difference> {
    let (before, after) = (decode(before)?, decode(after)?);
    let width = before.width().max(after.width());
    let height = before.height().max(after.height());
    let (mut pixels, mut area) = (0_u64, None::<Area>);
    let mut picture = RgbaImage::new(width, height);
    for (x, y, mark) in picture.enumerate_pixels_mut() {
        let (old, new) = (before.get_pixel_checked(x, y), after.get_pixel_checked(x, y));
        let is_ignored = ignored.iter().any(|it| it.holds(x, y));
        let is_same = match (old, new) {
            _ if is_ignored => true,
            (Some(old), Some(new)) => is_same(old, new),
            (Some(_), None) | (None, Some(_)) => false,
            (None, None) => true,
        };
        if !is_same {
            pixels += 1;
            area = Some(area.unwrap_or(Area { x, y, width: 1, height: 1 }).with(x, y));
        }
        *mark = match (is_ignored, is_same) {
            (true, _) => Rgba([190, 200, 240, 255]),
            (false, true) => faint(new),
            (false, false) => Rgba([220, 30, 30, 255]),
        };
    }
    let all = u64::from(width) * u64::from(height);
    let percent = if all == 0 { 0.0 } else { pixels as f64 * 100.0 / all as f64 };
    Ok(Difference { percent, pixels, area, picture: encode(&picture)? })
}

fn is_same(old: &Rgba<u8>, new: &Rgba<u8>) -> bool {
    old.0.iter().zip(new.0).all(|(old, new)| old.abs_diff(new) <= SAME_WITHIN)
}

fn faint(pixel: Option<&Rgba<u8>>) -> Rgba<u8> {
    let Some(Rgba([red, green, blue, _])) = pixel else { return Rgba([255, 255, 255, 255]) };
    let grey = (u32::from(*red) + u32::from(*green) + u32::from(*blue)) / 3;
    let grey = u8::try_from(200 + grey * 55 / 255).unwrap_or(u8::MAX);
    Rgba([grey, grey, grey, 255])
}

/// Reads a PNG, refusing one that would take too much memory.
pub(crate) fn decode(bytes: &[u8]) -> Result<RgbaImage> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_BYTES);
    limits.max_image_width = Some(20_000);
    limits.max_image_height = Some(20_000);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| Error::Picture { why: error.to_string() })?;
    Ok(picture.into_rgba8())
}

fn encode(picture: &RgbaImage) -> Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    let written = picture.write_to(&mut bytes, ImageFormat::Png);
    written.map_err(|error| Error::Picture { why: error.to_string() })?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32, red_from_x: u32) -> Vec<u8> {
        let colour =
            |x, _| if x >= red_from_x { Rgba([255, 0, 0, 255]) } else { Rgba([9, 9, 9, 255]) };
        encode(&RgbaImage::from_fn(width, height, colour)).expect("a picture")
    }

    #[test]
    fn the_share_of_differing_pixels_is_counted_and_marked() {
        let found = difference(&png(10, 10, 10), &png(10, 10, 8), &[]).expect("compared");
        assert_eq!((found.percent, found.pixels), (20.0, 20));
        assert_eq!(found.area, Some(Area { x: 8, y: 0, width: 2, height: 10 }));
        let marked = decode(&found.picture).expect("a picture");
        assert_eq!(marked.get_pixel(9, 0).0, [220, 30, 30, 255]);
        assert_ne!(marked.get_pixel(0, 0).0, [220, 30, 30, 255]);
        let none = difference(&png(3, 3, 1), &png(3, 3, 1), &[]).expect("compared");
        assert_eq!((none.percent, none.area), (0.0, None));
    }

    #[test]
    fn what_is_ignored_counts_as_the_same_and_is_marked_as_such() {
        let ignored = [Area { x: 8, y: 0, width: 1, height: 10 }];
        let found = difference(&png(10, 10, 10), &png(10, 10, 8), &ignored).expect("compared");
        assert_eq!((found.pixels, found.area.map(|it| it.x)), (10, Some(9)));
        let marked = decode(&found.picture).expect("a picture");
        assert_eq!(marked.get_pixel(8, 0).0, [190, 200, 240, 255]);
    }

    #[test]
    fn what_only_one_picture_has_differs() {
        let found = difference(&png(10, 10, 10), &png(10, 20, 10), &[]).expect("compared");
        assert_eq!(found.percent, 50.0);
    }

    #[test]
    fn something_else_than_a_picture_is_refused() {
        assert!(matches!(difference(b"no", &png(1, 1, 1), &[]), Err(Error::Picture { .. })));
    }
}
